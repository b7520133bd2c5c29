import type { ClauseId } from "#cli/contract-check/clauses.ts";
import { PROVIDER_LABEL, type Definition, type Role } from "#cli/contract-check/definitions.ts";
import { fieldAt, listMapProblem, typeProblem, type SchemaNode } from "#cli/contract-check/schema-path.ts";
import { judged, notLookedAt, type Verdict } from "#cli/contract-check/verdict.ts";

type Found = { readonly seen: string; readonly mend: string } | undefined;

/** What every kind that core or clusterctl handles must be. */
export function kindVerdicts(definition: Definition, label: string): readonly Verdict[] {
  const { kind, role } = definition;
  const everywhere: readonly (readonly [ClauseId, Found])[] = [
    ["crd-namespaced", scopeProblem(definition)],
    ["list-kind", listKindProblem(definition)],
    ["provider-label", providerProblem(definition, label)],
    ["move-label", moveProblem(definition)],
  ];
  const known: readonly (readonly [ClauseId, Found])[] =
    role === "other"
      ? []
      : [
          ["crd-name", nameProblem(definition)],
          ["contract-label", contractProblem(definition)],
        ];
  return [...everywhere, ...known].map(([clause, found]) => judged(clause, kind, found));
}

/** What the schema of a kind must hold, by what the kind is to Cluster API. */
export function schemaVerdicts(definition: Definition): readonly Verdict[] {
  const { kind, role, contract } = definition;
  const rules = schemaRules.filter(({ roles }) => roles.includes(role));
  return rules.flatMap((rule): readonly Verdict[] => {
    if (contract === undefined)
      return [notLookedAt(rule.clause, kind, "core reads the kind in no version; see contract-label")];
    const { schema } = contract.version;
    if (rule.optionalField !== undefined && fieldAt(schema, rule.optionalField) === undefined)
      return [
        notLookedAt(rule.clause, kind, `the kind has no ${rule.optionalField}, which it need not have`),
      ];
    const seen = rule.problem(definition, schema);
    return [judged(rule.clause, kind, seen === undefined ? undefined : { seen, mend: rule.mend })];
  });
}

interface SchemaRule {
  readonly clause: ClauseId;
  readonly roles: readonly Role[];
  /** A field the contract does not ask for; without it there is nothing to judge. */
  readonly optionalField?: string;
  readonly problem: (definition: Definition, schema: SchemaNode | undefined) => string | undefined;
  readonly mend: string;
}

const readyRoles: readonly Role[] = ["cluster", "machine"];
const templateRoles: readonly Role[] = ["clusterTemplate", "machineTemplate", "remediationTemplate"];

function provisionedProblem({ contract }: Definition, schema: SchemaNode | undefined): string | undefined {
  return contract?.name === "v1beta1"
    ? typeProblem(schema, "status.ready", "boolean")
    : typeProblem(schema, "status.initialization.provisioned", "boolean");
}

const provisionedMend =
  "add status.initialization.provisioned (contract v1beta2), or status.ready (v1beta1), as a boolean";

const schemaRules: readonly SchemaRule[] = [
  {
    clause: "status-subresource",
    roles: readyRoles,
    problem: ({ contract }) =>
      contract?.version.statusSubresource === true
        ? undefined
        : `version ${contract?.version.name ?? ""} has no subresources.status`,
    mend: "add subresources: {status: {}} to the version",
  },
  {
    clause: "cluster-endpoint",
    roles: ["cluster"],
    optionalField: "spec.controlPlaneEndpoint",
    problem: (_, schema) =>
      typeProblem(schema, "spec.controlPlaneEndpoint.host", "string") ??
      typeProblem(schema, "spec.controlPlaneEndpoint.port", "integer"),
    mend: "make host a string and port an integer",
  },
  { clause: "cluster-provisioned", roles: ["cluster"], problem: provisionedProblem, mend: provisionedMend },
  {
    clause: "failure-domains",
    roles: ["cluster"],
    optionalField: "status.failureDomains",
    problem: ({ contract }, schema) =>
      contract?.name === "v1beta1"
        ? typeProblem(schema, "status.failureDomains", "object")
        : listMapProblem(schema, "status.failureDomains", "name"),
    mend: "make it a list-map by name of {name, controlPlane, attributes} (v1beta2), or a map by name (v1beta1)",
  },
  {
    clause: "provider-id",
    roles: ["machine"],
    problem: (_, schema) => typeProblem(schema, "spec.providerID", "string"),
    mend: "add spec.providerID as a string",
  },
  { clause: "machine-provisioned", roles: ["machine"], problem: provisionedProblem, mend: provisionedMend },
  {
    clause: "addresses",
    roles: ["machine"],
    optionalField: "status.addresses",
    problem: (_, schema) =>
      typeProblem(schema, "status.addresses[].type", "string") ??
      typeProblem(schema, "status.addresses[].address", "string"),
    mend: "make it a list of {type, address}",
  },
  {
    clause: "machine-failure-domain",
    roles: ["machine"],
    optionalField: "status.failureDomain",
    problem: (_, schema) => typeProblem(schema, "status.failureDomain", "string"),
    mend: "make it a string",
  },
  {
    clause: "conditions",
    roles: readyRoles,
    optionalField: "status.conditions",
    problem: ({ contract }, schema) =>
      contract?.name === "v1beta1"
        ? typeProblem(schema, "status.conditions[].type", "string")
        : (listMapProblem(schema, "status.conditions", "type") ??
          typeProblem(schema, "status.conditions[].reason", "string")),
    mend: "make it a list-map by type of metav1.Condition",
  },
  {
    clause: "template-spec",
    roles: templateRoles,
    problem: (_, schema) => typeProblem(schema, "spec.template.spec", "object"),
    mend: "add spec.template.spec with the spec of what is made from the template",
  },
  {
    clause: "template-metadata",
    roles: ["clusterTemplate", "machineTemplate"],
    problem: (_, schema) => metadataProblem(fieldAt(schema, "spec.template.metadata")),
    mend: "add spec.template.metadata with labels and annotations, each a map of strings",
  },
  {
    clause: "template-capacity",
    roles: ["machineTemplate"],
    optionalField: "status.capacity",
    problem: (_, schema) => capacityProblem(schema),
    mend: "make status.capacity a map of quantities, and status.nodeInfo.architecture and .operatingSystem strings",
  },
];

function scopeProblem({ scope }: Definition): Found {
  return scope === "Namespaced"
    ? undefined
    : { seen: `scope is ${scope}`, mend: "make spec.scope Namespaced; the definition has to be made anew" };
}

function listKindProblem({ kind, listKind }: Definition): Found {
  return listKind === `${kind}List`
    ? undefined
    : { seen: `spec.names.listKind is ${listKind}`, mend: `make it ${kind}List` };
}

function nameProblem({ name, kind, group, annotations }: Definition): Found {
  const wanted = `${pluralOf(kind)}.${group}`;
  if (name === wanted || SKIP_NAME_CHECK in annotations) return undefined;
  return {
    seen: `the definition is named ${name}, and core looks for ${wanted}`,
    mend: "rename plural and definition",
  };
}

const SKIP_NAME_CHECK = "clusterctl.cluster.x-k8s.io/skip-crd-name-preflight-check";

/** The plural core computes from a kind without asking the API server, for English words. */
export function pluralOf(kind: string): string {
  const word = kind.toLowerCase();
  if (/(s|x|z|ch|sh)$/.test(word)) return `${word}es`;
  return /[^aeiou]y$/.test(word) ? `${word.slice(0, -1)}ies` : `${word}s`;
}

function contractProblem({ labels, contract }: Definition): Found {
  if (contract !== undefined) return undefined;
  const claimed = ["v1beta2", "v1beta1"].flatMap((name) => {
    const value = labels[`cluster.x-k8s.io/${name}`];
    return value === undefined ? [] : [`cluster.x-k8s.io/${name}: ${value}`];
  });
  return {
    seen: claimed.length === 0 ? "there is no contract label" : `none is served of ${claimed.join(", ")}`,
    mend: "label the definition cluster.x-k8s.io/v1beta2 with the served versions that keep it, joined by _",
  };
}

function providerProblem({ labels }: Definition, label: string): Found {
  const value = labels[PROVIDER_LABEL];
  if (value === label) return undefined;
  return {
    seen: value === undefined ? `the label ${PROVIDER_LABEL} is missing` : `${PROVIDER_LABEL} is ${value}`,
    mend: `label the definition ${PROVIDER_LABEL}: ${label}`,
  };
}

function moveProblem({ labels }: Definition): Found {
  return "clusterctl.cluster.x-k8s.io" in labels
    ? undefined
    : {
        seen: "the label clusterctl.cluster.x-k8s.io is missing, so clusterctl move leaves the objects behind",
        mend: "install with clusterctl, or label the definition",
      };
}

function metadataProblem(node: SchemaNode | undefined): string | undefined {
  if (node === undefined) return "spec.template.metadata is missing";
  if (node["x-kubernetes-preserve-unknown-fields"] === true) return undefined;
  const missing = ["labels", "annotations"].filter((name) => node.properties?.[name]?.type !== "object");
  return missing.length === 0
    ? undefined
    : `spec.template.metadata takes no ${missing.join(" and no ")}: they would be pruned`;
}

function capacityProblem(schema: SchemaNode | undefined): string | undefined {
  const values = fieldAt(schema, "status.capacity")?.additionalProperties;
  const quantities = typeof values === "object" && values["x-kubernetes-int-or-string"] === true;
  if (!quantities) return "status.capacity is no map of quantities";
  if (fieldAt(schema, "status.nodeInfo") === undefined) return undefined;
  return (
    typeProblem(schema, "status.nodeInfo.architecture", "string") ??
    typeProblem(schema, "status.nodeInfo.operatingSystem", "string")
  );
}
