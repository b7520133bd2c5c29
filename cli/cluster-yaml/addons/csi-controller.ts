import type { NewObject } from "#platform/kube/resource.ts";
import type { CsiImages } from "#cli/cluster-yaml/addons/csi-driver.ts";
import { SOCKET_FOLDER } from "#cli/cluster-yaml/addons/csi-node-plugin.ts";
import { CSI_ACCOUNT } from "#cli/cluster-yaml/addons/csi-rights.ts";
import { onControlPlane } from "#cli/cluster-yaml/addons/placement.ts";

const LABELS = { app: "csi-controller" };

/** The sidecars that turn claims into volumes of Harvester, through the driver's socket of the machine they run on. */
export function csiController({ resizer, provisioner, attacher }: CsiImages): NewObject {
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name: "csi-controller", namespace: "kube-system" },
    spec: {
      replicas: 1,
      selector: { matchLabels: LABELS },
      template: {
        metadata: { labels: LABELS },
        spec: {
          serviceAccountName: CSI_ACCOUNT,
          containers: [
            sidecar("csi-resizer", resizer),
            sidecar("csi-provisioner", provisioner),
            sidecar("csi-attacher", attacher),
          ],
          tolerations: [
            ...onControlPlane,
            { key: "kubevirt.io/drain", operator: "Exists", effect: "NoSchedule" },
          ],
          volumes: [{ name: "socket-dir", hostPath: { path: SOCKET_FOLDER, type: "DirectoryOrCreate" } }],
        },
      },
    },
  };
}

function sidecar(name: string, image: string): Record<string, unknown> {
  return {
    name,
    image,
    args: [
      "--v=5",
      "--csi-address=/csi/csi.sock",
      // A disk of a VM is attached while the VM runs; Harvester may take two minutes.
      "--timeout=2m5s",
      "--leader-election",
      "--leader-election-namespace=kube-system",
    ],
    volumeMounts: [{ name: "socket-dir", mountPath: "/csi/" }],
  };
}
