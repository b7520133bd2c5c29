import type { ClauseId } from "#cli/contract-check/clauses.ts";
import {
  conditionsProblem,
  conditionStatus,
  isManagedElsewhere,
  isProvisioned,
  type InfraObject,
} from "#cli/contract-check/infra-object.ts";
import { judged, type Verdict } from "#cli/contract-check/verdict.ts";

/** One infrastructure object with what is around it. */
export interface ObjectInScope {
  readonly kind: string;
  readonly role: "cluster" | "machine";
  readonly own: InfraObject;
  /** The Cluster or Machine an owner reference names, by name; undefined when it does not exist. */
  readonly owner: InfraObject | undefined;
  readonly cluster: InfraObject | undefined;
}

type Found = { readonly seen: string; readonly mend: string } | undefined;
type Rule = (scope: ObjectInScope) => Found;

const NAME_LABEL = "cluster.x-k8s.io/cluster-name";

/** Every clause about one object. One that has no owner yet, or is on its way out, is not judged by what only holds in between. */
export function objectVerdicts(scope: ObjectInScope): readonly Verdict[] {
  const { own, kind, role } = scope;
  const { namespace = "", name } = own.metadata;
  const on = `${kind} ${namespace}/${name}`;
  const rules = role === "cluster" ? clusterRules : machineRules;
  return [...everyRule, ...rules].map(([clause, rule]) => judged(clause, on, rule(scope)));
}

/** Two machines with one providerID: core would take one Node for both. */
export function uniqueVerdicts(machines: readonly ObjectInScope[]): readonly Verdict[] {
  const byId = Map.groupBy(
    machines.filter(({ own }) => (own.spec.providerID ?? "") !== ""),
    ({ own }) => own.spec.providerID ?? "",
  );
  return [...byId].flatMap(([id, holders]) => {
    const [first] = holders;
    if (first === undefined) return [];
    const names = holders.map(({ own: { metadata } }) => `${metadata.namespace ?? ""}/${metadata.name}`);
    return [
      judged(
        "provider-id-unique",
        `${first.kind} ${names[0] ?? ""}`,
        names.length === 1
          ? undefined
          : {
              seen: `${id} is that of ${names.join(" and ")}`,
              mend: "make each machine's providerID its own",
            },
      ),
    ];
  });
}

const owned: Rule = ({ role, own, owner }) => {
  const kind = role === "cluster" ? "Cluster" : "Machine";
  const reference = (own.metadata.ownerReferences ?? []).find((each) => each.kind === kind);
  if (reference === undefined)
    return own.metadata.labels?.[NAME_LABEL] === undefined
      ? undefined
      : { seen: `no ${kind} owns it, though it is labelled`, mend: `let core own it; see its ${kind}` };
  if (owner === undefined)
    return {
      seen: `its owner ${kind} ${reference.name} does not exist`,
      mend: "restore the owner, or delete it",
    };
  return owner.metadata.uid === reference.uid
    ? undefined
    : {
        seen: `its owner reference names a ${kind} ${reference.name} of another uid`,
        mend: "restore owner references with the uid of the owner that is there",
      };
};

const labelled: Rule = ({ own, owner }) =>
  owner === undefined || own.metadata.labels?.[NAME_LABEL] !== undefined
    ? undefined
    : { seen: `the label ${NAME_LABEL} is missing`, mend: "do not remove labels that core sets" };

const held: Rule = ({ own }) => {
  const something = isProvisioned(own) || (own.spec.providerID ?? "") !== "";
  const finalizers = own.metadata.finalizers ?? [];
  return !something || isManagedElsewhere(own) || finalizers.length > 0
    ? undefined
    : {
        seen: "it is provisioned and no finalizer holds it: deleting it would leave everything outside behind",
        mend: "put a finalizer on before anything outside is made",
      };
};

const validConditions: Rule = ({ own }) => {
  const seen = conditionsProblem(own);
  return seen === undefined ? undefined : { seen, mend: "write metav1.Conditions, one per type" };
};

const pausedShown: Rule = ({ own, owner, cluster }) => {
  if (owner === undefined || isManagedElsewhere(own) || own.metadata.deletionTimestamp !== undefined)
    return undefined;
  const paused =
    cluster?.spec.paused === true || own.metadata.annotations?.["cluster.x-k8s.io/paused"] !== undefined;
  const shown = conditionStatus(own, "Paused");
  if (paused)
    return shown === "True"
      ? undefined
      : { seen: `it is paused and Paused is ${shown ?? "not there"}`, mend: "publish Paused=True" };
  return shown === "True"
    ? { seen: "Paused is True, and nothing pauses it", mend: "publish Paused=False" }
    : undefined;
};

const stays: Rule = ({ own, owner }) =>
  owner?.status.initialization.infrastructureProvisioned === true && !isProvisioned(own)
    ? {
        seen: "core has seen it provisioned, and it says that it is not",
        mend: "never take provisioned back; a machine or cluster that fails says so in conditions",
      }
    : undefined;

const endpointSet: Rule = ({ own, cluster }) => {
  if (!isProvisioned(own)) return undefined;
  const endpoints = [own.spec.controlPlaneEndpoint, cluster?.spec.controlPlaneEndpoint];
  return endpoints.some((each) => each !== undefined && each.host !== "" && each.port !== 0)
    ? undefined
    : {
        seen: "it is provisioned, and neither it nor its Cluster has an endpoint",
        mend: "set spec.controlPlaneEndpoint before provisioned",
      };
};

const providerIdSet: Rule = ({ own, owner }) => {
  const id = own.spec.providerID ?? "";
  if (isProvisioned(own) && id === "")
    return {
      seen: "it is provisioned without spec.providerID",
      mend: "set spec.providerID before provisioned",
    };
  const told = owner?.spec.providerID ?? "";
  return told === "" || told === id
    ? undefined
    : { seen: `its providerID is ${id}, that of its Machine ${told}`, mend: "never change spec.providerID" };
};

const everyRule: readonly (readonly [ClauseId, Rule])[] = [
  ["owned", owned],
  ["cluster-name", labelled],
  ["held", held],
  ["conditions-valid", validConditions],
  ["paused-shown", pausedShown],
  ["provisioned-stays", stays],
];
const clusterRules: readonly (readonly [ClauseId, Rule])[] = [["endpoint-set", endpointSet]];
const machineRules: readonly (readonly [ClauseId, Rule])[] = [["provider-id-set", providerIdSet]];
