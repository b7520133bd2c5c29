import type { NewObject } from "#platform/kube/resource.ts";
import { csiController } from "#cli/cluster-yaml/addons/csi-controller.ts";
import { csiNodePlugin } from "#cli/cluster-yaml/addons/csi-node-plugin.ts";
import { csiRights } from "#cli/cluster-yaml/addons/csi-rights.ts";

/** Images of the CSI driver's pods, with registry and tag. */
export interface CsiImages {
  readonly driver: string;
  readonly registrar: string;
  readonly resizer: string;
  readonly provisioner: string;
  readonly attacher: string;
}

/**
 * Harvester's CSI driver, as objects of the workload cluster, and the StorageClass `harvester` as the default one. It reads the
 * kubeconfig of Harvester from the Secret `kube-system/cloud-config`. Facts: Harvester documentation, "Harvester CSI Driver".
 */
export function csiDriverManifests(images: CsiImages): NewObject[] {
  return [
    ...csiRights(),
    csiNodePlugin(images),
    csiController(images),
    {
      apiVersion: "storage.k8s.io/v1",
      kind: "CSIDriver",
      metadata: { name: "driver.harvesterhci.io" },
      spec: {
        attachRequired: true,
        fsGroupPolicy: "ReadWriteOnceWithFSType",
        podInfoOnMount: true,
        volumeLifecycleModes: ["Persistent"],
      },
    },
    {
      apiVersion: "storage.k8s.io/v1",
      kind: "StorageClass",
      metadata: {
        name: "harvester",
        annotations: { "storageclass.kubernetes.io/is-default-class": "true" },
      },
      allowVolumeExpansion: true,
      provisioner: "driver.harvesterhci.io",
      reclaimPolicy: "Delete",
      volumeBindingMode: "Immediate",
    },
  ];
}
