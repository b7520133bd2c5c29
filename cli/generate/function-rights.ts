import { stringify } from "yaml";

import { providerLabel } from "#api/names.ts";
import { allFunctions } from "#cli/functions.ts";
import type { StepFunction } from "#functions/contract/function.ts";

/** Namespace of the accounts, as in the pages. */
const NAMESPACE = "capfn-system";

/** Manifests by path from the repository's root: for each function an account of its own, with what its step does on the management cluster and no more. */
export function generateFunctionRights(): Map<string, string> {
  return new Map(
    allFunctions.map((fn) => [
      `manifests/rbac/function-${fn.name}.yaml`,
      `# Generated from the declaration of ${fn.name} by "capfn generate". Do not edit.\n` +
        manifestsOf(fn)
          .map((manifest) => stringify(manifest, { lineWidth: 0, aliasDuplicateObjects: false }))
          .join("---\n"),
    ]),
  );
}

interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
}

function manifestsOf(fn: StepFunction): object[] {
  const name = `capfn-${fn.name}`;
  const labels = { [providerLabel.name]: providerLabel.value };
  const apiGroup = "rbac.authorization.k8s.io";
  const apiVersion = `${apiGroup}/v1`;
  return [
    { apiVersion: "v1", kind: "ServiceAccount", metadata: { name, namespace: NAMESPACE, labels } },
    { apiVersion, kind: "ClusterRole", metadata: { name, labels }, rules: rulesOf(fn) },
    {
      apiVersion,
      kind: "ClusterRoleBinding",
      metadata: { name, labels },
      roleRef: { apiGroup, kind: "ClusterRole", name },
      subjects: [{ kind: "ServiceAccount", name, namespace: NAMESPACE }],
    },
  ];
}

/** What the step declares, and what serving it takes: Kubernetes Events, and the Secrets that lead to other API servers. */
function rulesOf({ rbac, uses }: StepFunction): Rule[] {
  const own = rbac
    .filter(({ api }) => api === "management")
    .map(({ apiGroups, resources, verbs }) => ({ apiGroups, resources, verbs }));
  const readsSecrets = own.some(
    ({ resources, verbs }) => resources.includes("secrets") && verbs.includes("get"),
  );
  const leadsElsewhere = [...uses, ...rbac.map(({ api }) => api)].some((api) => api !== "management");
  return [
    ...own,
    ...(leadsElsewhere && !readsSecrets ? [{ apiGroups: [""], resources: ["secrets"], verbs: ["get"] }] : []),
    { apiGroups: [""], resources: ["events"], verbs: ["create"] },
  ];
}
