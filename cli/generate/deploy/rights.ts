import { allFunctions } from "#cli/functions.ts";
import { functionRules, hubRules, stepRules, type Rule } from "#cli/generate/deploy/rules.ts";
import { setting, when, type Document, type Node, type NodeMap } from "#cli/generate/deploy/template.ts";
import {
  clusterWide,
  functionAccount,
  HUB,
  hubAccount,
  inNamespace,
  INGRESS,
  labels,
  namespace,
  runnerIs,
  SCOPES,
} from "#cli/generate/deploy/words.ts";

const GROUP = "rbac.authorization.k8s.io";
const VERSION = `${GROUP}/v1`;

/** The account of the hub and what it may do itself, whoever runs the functions. */
export function hubRights(): Document[] {
  return [
    { ...account(HUB, "hub"), condition: "$.Values.serviceAccount.create" },
    ...scopedRole(HUB, "hub", hubRules()),
    ...scopedBinding({ name: HUB, role: HUB, subject: hubAccount }),
    ...ledgerRights(),
    ...identityRights([hubAccount]),
    { node: role(INGRESS, ALERTS), condition: "$.Values.ingress.enabled", chartOnly: true },
    {
      node: roleBinding({ name: INGRESS, role: INGRESS, subject: hubAccount }),
      condition: "$.Values.ingress.enabled",
      chartOnly: true,
    },
  ];
}

const STEPS = "capfn-steps";

/** What all functions may together, for a process that runs them all. */
export function stepsRole(): Document[] {
  const condition = `or (${runnerIs("in-process")}) $.Values.safetyNet.enabled`;
  return scopedRole(STEPS, "hub", stepRules()).map((each) => ({ ...each, condition }));
}

/** The hub runs the functions in its own process. */
export function stepsOfHub(): Document[] {
  return scopedBinding({ name: STEPS, role: STEPS, subject: hubAccount }).map((each) => ({
    ...each,
    condition: runnerIs("in-process"),
  }));
}

/** A pass does what hub and functions do. */
export function passRights(name: string): Document[] {
  return [
    account(name, "safety-net"),
    ...scopedBinding({ name, role: HUB, subject: name }),
    ...scopedBinding({ name: `${name}-steps`, role: STEPS, subject: name }),
    { node: roleBinding({ name, role: LEDGER, subject: name }) },
  ];
}

/** For each function an account of its own, with what its step does on the management cluster and no more. */
export function functionRights(): Map<string, Document[]> {
  const condition = 'ne $.Values.runner "in-process"';
  return new Map(
    allFunctions.map((fn) => {
      const name = functionAccount(fn.name);
      const documents = [
        account(name, "function"),
        ...scopedRole(name, "function", functionRules(fn)),
        ...scopedBinding({ name, role: name, subject: name }),
      ];
      return [fn.name, documents.map((each) => ({ ...each, condition }))];
    }),
  );
}

/** Whoever is shown a token may have it looked at: the hub those of functions that pull, functions that of the hub that pushes. */
export function tokenReviewRights(subjects: readonly Node[], condition: string): Document[] {
  const name = clusterWide("capfn-token-reviewer");
  const metadata = { name, labels: labels("hub") };
  const rules = [{ apiGroups: ["authentication.k8s.io"], resources: ["tokenreviews"], verbs: ["create"] }];
  const roleRef = { apiGroup: GROUP, kind: "ClusterRole", name };
  return [
    { node: { apiVersion: VERSION, kind: "ClusterRole", metadata, rules }, condition },
    {
      node: {
        apiVersion: VERSION,
        kind: "ClusterRoleBinding",
        metadata,
        roleRef,
        subjects: subjects.map(accountNode),
      },
      condition,
    },
  ];
}

/** Of a hub whose figures are for allowed tokens only: it may ask about them; and what to bind Prometheus to. */
export function metricsRights(): Document[] {
  const review = (group: string, name: string) => ({
    apiGroups: [`${group}.k8s.io`],
    resources: [name],
    verbs: ["create"],
  });
  const rules = [review("authentication", "tokenreviews"), review("authorization", "subjectaccessreviews")];
  const metadata = { name: clusterWide("capfn-metrics-reviewer"), labels: labels("hub") };
  const reader = { name: clusterWide("capfn-metrics-reader"), labels: labels("hub") };
  const roleRef = { apiGroup: GROUP, kind: "ClusterRole", name: metadata.name };
  const nodes: NodeMap[] = [
    { apiVersion: VERSION, kind: "ClusterRole", metadata, rules },
    {
      apiVersion: VERSION,
      kind: "ClusterRoleBinding",
      metadata,
      roleRef,
      subjects: [accountNode(hubAccount)],
    },
    {
      apiVersion: VERSION,
      kind: "ClusterRole",
      metadata: reader,
      rules: [{ nonResourceURLs: ["/metrics"], verbs: ["get"] }],
    },
  ];
  return nodes.map((node) => ({ node, condition: "$.Values.metrics.secure", chartOnly: true }));
}

const LEDGER = "capfn-ledger";

/** The ledger's ConfigMaps and the Lease. */
function ledgerRights(): Document[] {
  const rules: Rule[] = [
    { apiGroups: [""], resources: ["configmaps"], verbs: ["get", "create", "patch"] },
    {
      apiGroups: ["coordination.k8s.io"],
      resources: ["leases"],
      verbs: ["get", "list", "watch", "create", "update"],
    },
  ];
  return [
    { node: role(LEDGER, rules) },
    { node: roleBinding({ name: LEDGER, role: LEDGER, subject: hubAccount }) },
  ];
}

/** What alerts become. */
const ALERTS: readonly Rule[] = [
  { apiGroups: ["capfn.dev"], resources: ["remediationrequests"], verbs: ["create", "patch"] },
];

/** The uid of the Namespace kube-system tells one cluster from another; nothing else there is read. */
function identityRights(subjects: readonly Node[]): Document[] {
  const name = clusterWide("capfn-cluster-identity");
  const metadata = { name, namespace: "kube-system", labels: labels("hub") };
  const rules: Rule[] = [
    { apiGroups: [""], resources: ["namespaces"], resourceNames: ["kube-system"], verbs: ["get"] },
  ];
  const roleRef = { apiGroup: GROUP, kind: "Role", name };
  return [
    { node: { apiVersion: VERSION, kind: "Role", metadata, rules: rules.map(ruleNode) } },
    {
      node: {
        apiVersion: VERSION,
        kind: "RoleBinding",
        metadata,
        roleRef,
        subjects: subjects.map(accountNode),
      },
    },
  ];
}

/** `ClusterRole` in the whole cluster, `Role` in each of the namespaces that are watched. */
function scopedKind(kind: "Role" | "RoleBinding"): Node {
  return setting(`Cluster${kind}`, `ternary "Cluster${kind}" "${kind}" (empty $each)`);
}

function scopedMetadata(name: string, component: string): NodeMap {
  const inEach = when("$each", setting(undefined, "$each | quote"));
  return { name: clusterWide(name), namespace: inEach, labels: labels(component) };
}

function scopedRole(name: string, component: string, rules: readonly Rule[]): Document[] {
  const metadata = scopedMetadata(name, component);
  const node = { apiVersion: VERSION, kind: scopedKind("Role"), metadata, rules: rules.map(ruleNode) };
  return [{ node, each: SCOPES }];
}

interface Binding {
  readonly name: string;
  readonly role: string;
  /** Name of the account. */
  readonly subject: Node;
}

function scopedBinding({ name, role: roleName, subject }: Binding): Document[] {
  const node = {
    apiVersion: VERSION,
    kind: scopedKind("RoleBinding"),
    metadata: scopedMetadata(name, "hub"),
    roleRef: { apiGroup: GROUP, kind: scopedKind("Role"), name: clusterWide(roleName) },
    subjects: [accountNode(subject)],
  };
  return [{ node, each: SCOPES }];
}

function account(name: string, component: string): Document {
  return { node: { apiVersion: "v1", kind: "ServiceAccount", metadata: inNamespace(name, component) } };
}

function role(name: string, rules: readonly Rule[]): NodeMap {
  const metadata = inNamespace(name, "hub");
  return { apiVersion: VERSION, kind: "Role", metadata, rules: rules.map(ruleNode) };
}

function roleBinding({ name, role: roleName, subject }: Binding): NodeMap {
  return {
    apiVersion: VERSION,
    kind: "RoleBinding",
    metadata: inNamespace(name, "hub"),
    roleRef: { apiGroup: GROUP, kind: "Role", name: roleName },
    subjects: [accountNode(subject)],
  };
}

function accountNode(name: Node): Node {
  return { kind: "ServiceAccount", name, namespace };
}

function ruleNode({ apiGroups, resources, verbs, resourceNames }: Rule): Node {
  return { apiGroups, resources, ...(resourceNames !== undefined && { resourceNames }), verbs };
}
