import * as z from "zod";
import { allFunctions } from "#cli/functions.ts";
import type { PolicyRule } from "#functions/contract/function.ts";
import { createApiRequests, type ApiRequests } from "#platform/kube/api-requests.ts";
import type { ConnectionConfig } from "#platform/kube/connection-config.ts";
import { isKubeError } from "#platform/kube/errors.ts";
import { CAPFN_NAMESPACE } from "#test/e2e/cluster/helm.ts";
import type { Stage } from "#test/e2e/cluster/stage-on.ts";
import type { Scenario } from "#test/e2e/scenario.ts";

/** One thing an account may or may not do. */
interface Access {
  readonly verb: string;
  readonly group: string;
  readonly resource: string;
  readonly subresource?: string;
  readonly namespace?: string;
}

/** What no function may do, whatever it declares. */
export const forbidden: readonly Access[] = [
  { verb: "delete", group: "", resource: "secrets", namespace: "kube-system" },
  { verb: "create", group: "", resource: "pods" },
  { verb: "create", group: "", resource: "pods", subresource: "exec" },
  { verb: "create", group: "", resource: "serviceaccounts", subresource: "token" },
  { verb: "create", group: "rbac.authorization.k8s.io", resource: "clusterrolebindings" },
  { verb: "escalate", group: "rbac.authorization.k8s.io", resource: "clusterroles" },
  { verb: "impersonate", group: "", resource: "users" },
  { verb: "delete", group: "cluster.x-k8s.io", resource: "clusters" },
  { verb: "delete", group: "", resource: "namespaces" },
  { verb: "delete", group: "apiextensions.k8s.io", resource: "customresourcedefinitions" },
  { verb: "*", group: "*", resource: "*" },
];

/** The hub may: it watches the metadata of Secrets, for which Kubernetes knows no smaller right. */
const forbiddenToFunctions: Access = { verb: "list", group: "", resource: "secrets" };

const reviewSchema = z.looseObject({ status: z.looseObject({ allowed: z.boolean() }) });

const clusterRoles = {
  group: "rbac.authorization.k8s.io",
  version: "v1",
  kind: "ClusterRole",
  plural: "clusterroles",
  namespaced: false,
} as const;

const reviews = {
  group: "authorization.k8s.io",
  version: "v1",
  kind: "SelfSubjectAccessReview",
  plural: "selfsubjectaccessreviews",
  namespaced: false,
} as const;

/** With tokens of the cluster itself, asked of the API server that decides. */
export const rights: Scenario<Stage> = {
  name: "rights",
  summary: "with its own token each function may do what it declares, and is refused what it does not",
  play: async (stage) => {
    let [allowed, refused] = [0, 0];
    const wrong: string[] = [];
    const refusals = stage.runner === "in-process" ? forbidden : [...forbidden, forbiddenToFunctions];
    for (const { account, rules } of accounts(stage)) {
      const connection = await connectionOf(stage, account);
      const requests = createApiRequests(connection, { clock: stage.host.clock });
      try {
        const may = async (access: Access, want: boolean): Promise<void> => {
          if ((await isAllowed(requests, access)) !== want)
            wrong.push(`${account} ${want ? "may not" : "may"} ${access.verb} ${access.resource}`);
          else if (want) allowed += 1;
          else refused += 1;
        };
        for (const access of rules.flatMap(accesses)) await may(access, true);
        for (const access of refusals) await may(access, false);
        // Not only what the API server says of itself.
        if (await isServed(requests)) wrong.push(`${account} was shown the cluster's roles`);
        else refused += 1;
      } finally {
        requests.close();
      }
    }
    if (wrong.length > 0) throw new Error(`${wrong.length} wrong: ${wrong.slice(0, 5).join("; ")}`);
    return `${accounts(stage).length} accounts: ${allowed} declared calls allowed, ${refused} others refused`;
  },
};

/** In the hub's process the hub's account does what all functions declare. */
function accounts({ runner }: Stage): { account: string; rules: readonly PolicyRule[] }[] {
  if (runner === "in-process")
    return [{ account: "capfn-hub", rules: allFunctions.flatMap(({ rbac }) => rbac) }];
  return allFunctions.map(({ name, rbac }) => ({ account: `capfn-${name}`, rules: rbac }));
}

/** The single calls of a rule on the management cluster. */
export function accesses({ api, apiGroups, resources, verbs }: PolicyRule): Access[] {
  if (api !== "management") return [];
  return apiGroups.flatMap((group) =>
    resources.flatMap((path) =>
      verbs.map((verb) => {
        const [resource = "", subresource] = path.split("/");
        return { verb, group, resource, ...(subresource === undefined ? {} : { subresource }) };
      }),
    ),
  );
}

async function connectionOf({ cluster, management }: Stage, account: string): Promise<ConnectionConfig> {
  const args = ["create", "token", account, "--namespace", CAPFN_NAMESPACE, "--duration", "10m"];
  const token = (await cluster.kubectl(...args)).trim();
  const { server, caPem, certificateAuthority } = management;
  return { connection: account, server, caPem, certificateAuthority, token };
}

async function isAllowed(requests: ApiRequests, access: Access): Promise<boolean> {
  const body = {
    apiVersion: `${reviews.group}/${reviews.version}`,
    kind: reviews.kind,
    spec: { resourceAttributes: access },
  };
  const review = await requests.call({
    verb: "create",
    type: reviews,
    namespace: undefined,
    body,
    repeatable: true,
  });
  return reviewSchema.parse(review).status.allowed;
}

async function isServed(requests: ApiRequests): Promise<boolean> {
  try {
    await requests.call({ verb: "list", type: clusterRoles, namespace: undefined, repeatable: true });
    return true;
  } catch (error) {
    if (isKubeError(error, "forbidden")) return false;
    throw error;
  }
}
