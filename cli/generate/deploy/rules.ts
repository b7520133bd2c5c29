import { allFunctions } from "#cli/functions.ts";
import type { PolicyRule, StepFunction } from "#functions/contract/function.ts";
import type { ResourceType } from "#platform/kube/resource.ts";

/** A rule of a Role or ClusterRole (`rbac.authorization.k8s.io/v1`). */
export interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
  readonly resourceNames?: readonly string[];
}

const TELL: Rule = { apiGroups: [""], resources: ["events"], verbs: ["create"] };

/** What the step declares, and what serving it takes: Kubernetes Events, and the Secrets that lead to other API servers. */
export function functionRules({ rbac, uses }: Pick<StepFunction, "rbac" | "uses">): Rule[] {
  const own = rbac.filter(({ api }) => api === "management").map(ruleOf);
  const readsSecrets = own.some(
    ({ resources, verbs }) => resources.includes("secrets") && verbs.includes("get"),
  );
  const leadsElsewhere = [...uses, ...rbac.map(({ api }) => api)].some((api) => api !== "management");
  return [
    ...own,
    ...(leadsElsewhere && !readsSecrets ? [{ apiGroups: [""], resources: ["secrets"], verbs: ["get"] }] : []),
    TELL,
  ];
}

function ruleOf({ apiGroups, resources, verbs }: PolicyRule): Rule {
  return { apiGroups, resources, verbs };
}

/** What every function may do together: for those that run in one process. */
export function stepRules(): Rule[] {
  return merged(allFunctions.flatMap(functionRules));
}

/**
 * What the hub does itself, whoever runs the functions: it watches what they look at, notes attempts and parked work on the objects, says
 * in a condition and in an Event what failed, and reads the Secrets that lead to other API servers.
 */
export function hubRules(): Rule[] {
  const watched = allFunctions
    .flatMap(({ views }) => views)
    .map(({ type }) => type)
    .filter(isOnManagement);
  const carriers = allFunctions.map((fn) => fn.for.type).filter(({ plural }) => plural !== "secrets");
  return merged([
    ...watched.map(on(["list", "watch"])),
    ...carriers.map(on(["get", "patch"])),
    ...carriers.map(({ group, plural }) => on(["patch"])({ group, plural: `${plural}/status` })),
    { apiGroups: [""], resources: ["secrets"], verbs: ["get", "list", "watch"] },
    ...(allFunctions.some((fn) => fn.for.type.plural === "secrets")
      ? [{ apiGroups: [""], resources: ["secrets"], verbs: ["patch"] }]
      : []),
    TELL,
  ]);
}

function on(verbs: readonly string[]) {
  return ({ group, plural }: Pick<ResourceType, "group" | "plural">): Rule => ({
    apiGroups: [group],
    resources: [plural],
    verbs,
  });
}

/** Groups of what lies on the management cluster; what else functions look at is on Harvester, on workload clusters or in the hub. */
export function isOnManagement({ group, plural }: ResourceType): boolean {
  return (
    /(^|\.)cluster\.x-k8s\.io$|^capfn\.dev$/.test(group) ||
    (group === "" && ["secrets", "configmaps"].includes(plural))
  );
}

const verbOrder = ["get", "list", "watch", "create", "update", "patch", "delete"];

/** The same rights in as few rules as can be: each resource once, resources of a group with the same verbs together. */
export function merged(rules: readonly Rule[]): Rule[] {
  const verbsOf = new Map<string, Set<string>>();
  for (const { apiGroups, resources, verbs } of rules)
    for (const group of apiGroups)
      for (const resource of resources) {
        const key = `${group}/${resource}`;
        verbsOf.set(key, new Set([...(verbsOf.get(key) ?? []), ...verbs]));
      }
  const alike = new Map<string, { group: string; resources: string[]; verbs: string[] }>();
  for (const [key, verbSet] of [...verbsOf].toSorted(([left], [right]) => (left < right ? -1 : 1))) {
    const [group = "", ...resource] = key.split("/");
    const verbs = [...verbSet].toSorted((left, right) => rank(left) - rank(right));
    const same = `${group} ${verbs.join()}`;
    const found = alike.get(same) ?? { group, resources: [], verbs };
    found.resources.push(resource.join("/"));
    alike.set(same, found);
  }
  return [...alike.values()].map(({ group, resources, verbs }) => ({ apiGroups: [group], resources, verbs }));
}

function rank(verb: string): number {
  const at = verbOrder.indexOf(verb);
  return at < 0 ? verbOrder.length : at;
}
