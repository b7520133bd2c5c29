import type { Manifest } from "#cli/generate/clusterctl/text.ts";

const READ = ["get", "list", "watch"];
const STORAGE = "storage.k8s.io";

/** What the sidecars provisioner, attacher and resizer do (Kubernetes CSI documentation, "RBAC rules" of each). */
const rules = [
  {
    apiGroups: [""],
    resources: ["persistentvolumes"],
    verbs: [...READ, "create", "update", "patch", "delete"],
  },
  { apiGroups: [""], resources: ["persistentvolumeclaims"], verbs: [...READ, "update", "patch"] },
  { apiGroups: [""], resources: ["persistentvolumeclaims/status"], verbs: ["update", "patch"] },
  { apiGroups: [""], resources: ["nodes", "pods"], verbs: READ },
  { apiGroups: [""], resources: ["events"], verbs: ["list", "watch", "create", "update", "patch"] },
  { apiGroups: [STORAGE], resources: ["storageclasses", "csinodes", "volumeattributesclasses"], verbs: READ },
  { apiGroups: [STORAGE], resources: ["volumeattachments"], verbs: [...READ, "update", "patch"] },
  { apiGroups: [STORAGE], resources: ["volumeattachments/status"], verbs: ["patch"] },
  {
    apiGroups: ["coordination.k8s.io"],
    resources: ["leases"],
    verbs: [...READ, "create", "update", "patch", "delete"],
  },
];

/** What the storage driver may do in the cluster it runs in; the Go provider's templates make it an administrator. */
export function csiRights(account: string): Manifest[] {
  const roleRef = { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: account };
  return [
    { apiVersion: "rbac.authorization.k8s.io/v1", kind: "ClusterRole", metadata: { name: account }, rules },
    {
      apiVersion: "rbac.authorization.k8s.io/v1",
      kind: "ClusterRoleBinding",
      metadata: { name: account },
      roleRef,
      subjects: [{ kind: "ServiceAccount", name: account, namespace: "kube-system" }],
    },
  ];
}
