import * as z from "zod";
import { ownerUidLabel } from "#api/names.ts";
import { clusterRoleBindings, serviceAccounts } from "#platform/kube/resources.ts";
import type { ResourceView } from "#platform/kube/view.ts";

/** Harvester's own ClusterRole for cloud providers of guest clusters. */
export const CLOUD_PROVIDER_ROLE = "harvesterhci.io:cloudprovider";

const ownerSchema = z
  .object({ labels: z.object({ [ownerUidLabel]: z.string().optional() }).prefault({}) })
  .prefault({});

/** What we look at of a ServiceAccount on Harvester: whose it is. */
const serviceAccountSchema = z.object({ metadata: ownerSchema });

export type ServiceAccount = z.infer<typeof serviceAccountSchema>;

export const serviceAccountView: ResourceView<ServiceAccount> = {
  type: serviceAccounts,
  schema: serviceAccountSchema,
};

/** What we look at of a ClusterRoleBinding on Harvester: whose it is, and who is bound to what. */
export const clusterRoleBindingSchema = z.object({
  metadata: ownerSchema,
  roleRef: z.object({ kind: z.string(), name: z.string() }),
  subjects: z
    .array(z.object({ kind: z.string(), name: z.string(), namespace: z.string().optional() }))
    .default([]),
});

export type ClusterRoleBinding = z.infer<typeof clusterRoleBindingSchema>;

export const clusterRoleBindingView: ResourceView<ClusterRoleBinding> = {
  type: clusterRoleBindings,
  schema: clusterRoleBindingSchema,
};

/** Whether it binds this ServiceAccount, and nobody else, to the role of cloud providers. */
export function bindsOnly(
  { roleRef, subjects }: Pick<ClusterRoleBinding, "roleRef" | "subjects">,
  account: { readonly namespace: string; readonly name: string },
): boolean {
  const [subject] = subjects;
  return (
    bindsRole({ roleRef }) &&
    subjects.length === 1 &&
    subject?.kind === "ServiceAccount" &&
    subject.name === account.name &&
    subject.namespace === account.namespace
  );
}

/** Whether it is the role of cloud providers. Which role a binding is about can never be changed. */
export function bindsRole({ roleRef }: Pick<ClusterRoleBinding, "roleRef">): boolean {
  return roleRef.kind === "ClusterRole" && roleRef.name === CLOUD_PROVIDER_ROLE;
}
