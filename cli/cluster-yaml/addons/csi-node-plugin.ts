import type { NewObject } from "#platform/kube/resource.ts";
import type { CsiImages } from "#cli/cluster-yaml/addons/csi-driver.ts";
import { CSI_ACCOUNT } from "#cli/cluster-yaml/addons/csi-rights.ts";
import { CLOUD_CONFIG_SECRET, onControlPlane } from "#cli/cluster-yaml/addons/placement.ts";

const KUBELET = "/var/lib/kubelet";
/** Where the driver's socket is, on every machine. */
export const SOCKET_FOLDER = `${KUBELET}/harvester-plugins/driver.harvesterhci.io`;
const LABELS = { app: "harvester-csi-plugin" };

/** Folders of the machine that the driver mounts volumes in; what is mounted there must be seen outside the container too. */
const mounts = [
  { name: "socket-dir", path: SOCKET_FOLDER, inside: "/csi/", type: "DirectoryOrCreate" },
  {
    name: "kubernetes-csi-dir",
    path: `${KUBELET}/plugins/kubernetes.io/csi`,
    type: "DirectoryOrCreate",
    both: true,
  },
  { name: "pods-mount-dir", path: `${KUBELET}/pods`, type: "DirectoryOrCreate", both: true },
  { name: "host-dev", path: "/dev" },
  { name: "host-sys", path: "/sys" },
  { name: "host", path: "/", inside: "/rootfs", both: true },
  { name: "lib-modules", path: "/lib/modules", readOnly: true },
];

/** The part of the driver that runs on every machine and mounts volumes into pods. */
export function csiNodePlugin({ driver, registrar }: CsiImages): NewObject {
  return {
    apiVersion: "apps/v1",
    kind: "DaemonSet",
    metadata: { name: "harvester-csi-plugin", namespace: "kube-system" },
    spec: {
      selector: { matchLabels: LABELS },
      template: {
        metadata: { labels: LABELS },
        spec: {
          serviceAccountName: CSI_ACCOUNT,
          hostPID: true,
          containers: [registrarContainer(registrar), driverContainer(driver)],
          tolerations: [
            ...onControlPlane,
            { key: "kubevirt.io/drain", operator: "Exists", effect: "NoSchedule" },
          ],
          volumes: [
            { name: "cloud-config", secret: { secretName: CLOUD_CONFIG_SECRET } },
            {
              name: "registration-dir",
              hostPath: { path: `${KUBELET}/plugins_registry`, type: "Directory" },
            },
            ...mounts.map(({ name, path, type }) => ({
              name,
              hostPath: { path, ...(type !== undefined && { type }) },
            })),
          ],
        },
      },
    },
  };
}

function registrarContainer(image: string): Record<string, unknown> {
  return {
    name: "node-driver-registrar",
    image,
    args: ["--v=5", "--csi-address=/csi/csi.sock", `--kubelet-registration-path=${SOCKET_FOLDER}/csi.sock`],
    securityContext: { privileged: true },
    volumeMounts: [
      { name: "socket-dir", mountPath: "/csi/" },
      { name: "registration-dir", mountPath: "/registration" },
    ],
  };
}

function driverContainer(image: string): Record<string, unknown> {
  return {
    name: "harvester-csi-plugin",
    image,
    args: [
      "--nodeid=$(NODE_ID)",
      "--endpoint=unix:///csi/csi.sock",
      `--kubeconfig=/etc/csi/${CLOUD_CONFIG_SECRET}`,
    ],
    env: [{ name: "NODE_ID", valueFrom: { fieldRef: { apiVersion: "v1", fieldPath: "spec.nodeName" } } }],
    securityContext: {
      allowPrivilegeEscalation: true,
      capabilities: { add: ["SYS_ADMIN"] },
      privileged: true,
    },
    volumeMounts: [
      { name: "cloud-config", mountPath: "/etc/csi", readOnly: true },
      ...mounts.map(({ name, path, inside, both, readOnly }) => ({
        name,
        mountPath: inside ?? path,
        ...(both === true && { mountPropagation: "Bidirectional" }),
        ...(readOnly === true && { readOnly: true }),
      })),
    ],
  };
}
