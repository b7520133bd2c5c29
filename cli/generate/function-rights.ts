import { stringify } from "yaml";

import { providerLabel } from "#api/names.ts";
import { allFunctions } from "#cli/functions.ts";
import type { StepFunction } from "#functions/contract/function.ts";

/** Namespace of the accounts, as in the pages. */
const NAMESPACE = "capfn-system";

const apiGroup = "rbac.authorization.k8s.io";
const apiVersion = `${apiGroup}/v1`;
const labels = { [providerLabel.name]: providerLabel.value };

/**
 * Manifests by path from the repository's root: for each function an account of its own, with what its step does on the management cluster and no
 * more; and what all of them need to know who calls.
 */
export function generateFunctionRights(): Map<string, string> {
  const own = allFunctions.map((fn): [string, string] => [
    `manifests/rbac/function-${fn.name}.yaml`,
    rendered(`the declaration of ${fn.name}`, manifestsOf(fn)),
  ]);
  return new Map([
    ...own,
    ["manifests/rbac/token-review.yaml", rendered("the declarations of all functions", tokenReviewRights())],
  ]);
}

function rendered(from: string, manifests: readonly object[]): string {
  const documents = manifests.map((each) => stringify(each, { lineWidth: 0, aliasDuplicateObjects: false }));
  return `# Generated from ${from} by "capfn generate". Do not edit.\n${documents.join("---\n")}`;
}

/** A function that is served, or a hub to which pods come, has the API server say whose token a caller shows. It learns the owner of tokens it is shown and nothing else. */
function tokenReviewRights(): object[] {
  const name = "capfn-token-review";
  const rules = [{ apiGroups: ["authentication.k8s.io"], resources: ["tokenreviews"], verbs: ["create"] }];
  return [
    { apiVersion, kind: "ClusterRole", metadata: { name, labels }, rules },
    {
      apiVersion,
      kind: "ClusterRoleBinding",
      metadata: { name, labels },
      roleRef: { apiGroup, kind: "ClusterRole", name },
      subjects: ["hub", ...allFunctions.map((fn) => fn.name)].map((account) => ({
        kind: "ServiceAccount",
        name: `capfn-${account}`,
        namespace: NAMESPACE,
      })),
    },
  ];
}

interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
}

function manifestsOf(fn: StepFunction): object[] {
  const name = `capfn-${fn.name}`;
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
