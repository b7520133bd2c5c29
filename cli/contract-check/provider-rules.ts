import * as z from "zod";
import type { Definition } from "#cli/contract-check/definitions.ts";
import { judged, notLookedAt, type Verdict } from "#cli/contract-check/verdict.ts";
import type { KubeReader } from "#platform/kube/client.ts";
import { isKubeError } from "#platform/kube/errors.ts";
import { clusterRoles } from "#platform/kube/resources.ts";

/** Whether each kind of machine and cluster has its template. */
export function templateVerdicts(definitions: readonly Definition[]): readonly Verdict[] {
  const kinds = new Set(definitions.map(({ kind }) => kind));
  return definitions.flatMap(({ kind, role }) => {
    if (role !== "machine" && role !== "cluster") return [];
    const template = `${kind}Template`;
    const clause = role === "machine" ? "machine-template" : "cluster-template";
    const found = kinds.has(template)
      ? undefined
      : { seen: `there is no kind ${template}`, mend: `add ${template} with spec.template.spec` };
    return [judged(clause, kind, found)];
  });
}

/** Groups that the ClusterRole of Cluster API core names itself (its manifest, "manager-role"). */
const coreGroups: readonly string[] = [
  "infrastructure.cluster.x-k8s.io",
  "bootstrap.cluster.x-k8s.io",
  "controlplane.cluster.x-k8s.io",
  "ipam.cluster.x-k8s.io",
  "addons.cluster.x-k8s.io",
  "runtime.cluster.x-k8s.io",
  "cluster.x-k8s.io",
];

const verbs = ["get", "list", "watch", "create", "update", "patch", "delete"];

const roleSchema = z.object({
  rules: z
    .array(
      z.object({
        apiGroups: z.array(z.string()).default([]),
        resources: z.array(z.string()).default([]),
        verbs: z.array(z.string()).default([]),
      }),
    )
    .nullish(),
});

type Rule = NonNullable<z.infer<typeof roleSchema>["rules"]>[number];

/** Whether core may handle kinds of groups that its own rights do not name: a ClusterRole of the provider's is aggregated to them. */
export async function rightsVerdicts(
  client: KubeReader,
  definitions: readonly Definition[],
): Promise<readonly Verdict[]> {
  const handled = definitions.filter(({ role }) => role !== "other");
  const foreign = handled.filter(({ group }) => !coreGroups.includes(group));
  const own = handled.filter((each) => !foreign.includes(each));
  const verdicts = own.map(({ kind }) => judged("core-rights", kind, undefined));
  if (foreign.length === 0) return verdicts;
  const rules = await aggregatedRules(client);
  return [
    ...verdicts,
    ...foreign.map(({ kind, group, plural }) => {
      if (rules === undefined)
        return notLookedAt("core-rights", kind, "this account may not list ClusterRoles");
      const missing = verbs.filter((verb) => !rules.some((rule) => allows(rule, group, plural, verb)));
      return judged(
        "core-rights",
        kind,
        missing.length === 0
          ? undefined
          : {
              seen: `no aggregated ClusterRole grants ${missing.join(", ")} on ${plural}.${group}`,
              mend: 'add a ClusterRole with the label cluster.x-k8s.io/aggregate-to-manager: "true" that does',
            },
      );
    }),
  ];
}

/** Undefined when ClusterRoles may not be listed. */
async function aggregatedRules(client: KubeReader): Promise<readonly Rule[] | undefined> {
  const rules: Rule[] = [];
  try {
    const labelSelector = "cluster.x-k8s.io/aggregate-to-manager=true";
    for await (const role of client.list(clusterRoles, { labelSelector }))
      rules.push(...(roleSchema.parse(role).rules ?? []));
  } catch (error) {
    if (isKubeError(error, "forbidden")) return undefined;
    throw error;
  }
  return rules;
}

function allows(rule: Rule, group: string, plural: string, verb: string): boolean {
  const has = (list: readonly string[], wanted: string): boolean =>
    list.includes("*") || list.includes(wanted);
  return has(rule.apiGroups, group) && has(rule.resources, plural) && has(rule.verbs, verb);
}
