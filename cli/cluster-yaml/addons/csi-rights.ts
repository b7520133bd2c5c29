import type { NewObject } from "#platform/kube/resource.ts";

/** ServiceAccount of all pods of the CSI driver. */
export const CSI_ACCOUNT = "harvester-csi";

const account = { name: CSI_ACCOUNT, namespace: "kube-system" };

/** What the sidecars of a CSI driver need, and no more (README pages of external-provisioner, -attacher and -resizer). */
export function csiRights(): NewObject[] {
  return [
    { apiVersion: "v1", kind: "ServiceAccount", metadata: account },
    {
      apiVersion: "rbac.authorization.k8s.io/v1",
      kind: "ClusterRole",
      metadata: { name: CSI_ACCOUNT },
      rules: [
        rule("", "persistentvolumes", "get list watch create update patch delete"),
        rule("", "persistentvolumeclaims", "get list watch update patch"),
        rule("", "persistentvolumeclaims/status", "update patch"),
        rule("", "nodes pods", "get list watch"),
        rule("", "events", "list watch create update patch"),
        rule("apps", "replicasets", "get"),
        rule("storage.k8s.io", "storageclasses csinodes", "get list watch"),
        rule("storage.k8s.io", "volumeattachments", "get list watch update patch"),
        rule("storage.k8s.io", "volumeattachments/status", "patch"),
        rule("storage.k8s.io", "csistoragecapacities", "get list watch create update patch delete"),
        rule("snapshot.storage.k8s.io", "volumesnapshots volumesnapshotcontents", "get list watch"),
        rule("coordination.k8s.io", "leases", "get list watch create update patch delete"),
      ],
    },
    {
      apiVersion: "rbac.authorization.k8s.io/v1",
      kind: "ClusterRoleBinding",
      metadata: { name: CSI_ACCOUNT },
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: CSI_ACCOUNT },
      subjects: [{ kind: "ServiceAccount", ...account }],
    },
  ];
}

function rule(group: string, resources: string, verbs: string): Record<string, readonly string[]> {
  return { apiGroups: [group], resources: resources.split(" "), verbs: verbs.split(" ") };
}
