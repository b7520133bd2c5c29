import { csiRights } from "#cli/generate/clusterctl/addons/csi-rights.ts";
import { CLOUD_CONFIG } from "#cli/generate/clusterctl/addons/cloud-config.ts";
import type { Manifest } from "#cli/generate/clusterctl/text.ts";
import { variable } from "#cli/generate/clusterctl/variables.ts";

const DRIVER = "driver.harvesterhci.io";
const ACCOUNT = "harvester-csi";
const SOCKET = "/csi/csi.sock";
/** On the node; the kubelet and the sidecars meet the driver there. */
const SOCKET_FOLDER = `/var/lib/kubelet/harvester-plugins/${DRIVER}`;

const tolerations = [
  { key: "node-role.kubernetes.io/control-plane", operator: "Exists" },
  { key: "node-role.kubernetes.io/etcd", operator: "Exists" },
  { key: "kubevirt.io/drain", operator: "Exists", effect: "NoSchedule" },
];

const fromField = (name: string, fieldPath: string): Manifest => ({
  name,
  valueFrom: { fieldRef: { fieldPath } },
});
const onHost = (name: string, path: string, type?: string): Manifest => ({
  name,
  hostPath: { path, ...(type !== undefined && { type }) },
});
const shared = (name: string, mountPath: string): Manifest => ({
  name,
  mountPath,
  mountPropagation: "Bidirectional",
});

/** Harvester's storage driver (CSI): volumes of the cluster are disks that Harvester attaches to the VMs. With a StorageClass that is the default. */
export function csiDriver(): Manifest[] {
  return [
    { apiVersion: "v1", kind: "ServiceAccount", metadata: { name: ACCOUNT, namespace: "kube-system" } },
    ...csiRights(ACCOUNT),
    {
      apiVersion: "storage.k8s.io/v1",
      kind: "CSIDriver",
      metadata: { name: DRIVER },
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
      provisioner: DRIVER,
      allowVolumeExpansion: true,
      reclaimPolicy: "Delete",
      volumeBindingMode: "Immediate",
    },
    workload("DaemonSet", "harvester-csi-plugin", onEveryNode()),
    workload("Deployment", "csi-controller", controller()),
  ];
}

function workload(kind: "DaemonSet" | "Deployment", name: string, pod: Manifest): Manifest {
  const app = { app: name };
  const template = { metadata: { labels: app }, spec: { serviceAccountName: ACCOUNT, tolerations, ...pod } };
  return {
    apiVersion: "apps/v1",
    kind,
    metadata: { name, namespace: "kube-system", labels: app },
    spec: { ...(kind === "Deployment" && { replicas: 1 }), selector: { matchLabels: app }, template },
  };
}

/** Mounts on the node, so it sees what the node sees. */
function onEveryNode(): Manifest {
  const registrar = {
    name: "node-driver-registrar",
    image: `longhornio/csi-node-driver-registrar:${variable("CSI_NODE_DRIVER_REGISTRAR_VERSION", "v2.12.0")}`,
    args: [`--csi-address=${SOCKET}`, `--kubelet-registration-path=${SOCKET_FOLDER}/csi.sock`],
    securityContext: { privileged: true },
    volumeMounts: [
      { name: "socket", mountPath: "/csi" },
      { name: "registration", mountPath: "/registration" },
    ],
  };
  const driver = {
    name: "harvester-csi-plugin",
    image: `rancher/harvester-csi-driver:${variable("HARVESTER_CSI_DRIVER_VERSION", "v0.1.6")}`,
    args: ["--nodeid=$(NODE_ID)", `--endpoint=unix://${SOCKET}`, `--kubeconfig=/etc/csi/${CLOUD_CONFIG.key}`],
    env: [fromField("NODE_ID", "spec.nodeName")],
    securityContext: { privileged: true, capabilities: { add: ["SYS_ADMIN"] } },
    volumeMounts: [
      { name: "cloud-config", mountPath: "/etc/csi", readOnly: true },
      { name: "socket", mountPath: "/csi" },
      shared("staging", "/var/lib/kubelet/plugins/kubernetes.io/csi"),
      shared("pods", "/var/lib/kubelet/pods"),
      shared("host", "/rootfs"),
      { name: "devices", mountPath: "/dev" },
      { name: "sys", mountPath: "/sys" },
      { name: "modules", mountPath: "/lib/modules", readOnly: true },
    ],
  };
  return {
    hostPID: true,
    containers: [registrar, driver],
    volumes: [
      { name: "cloud-config", secret: { secretName: CLOUD_CONFIG.secret } },
      onHost("socket", SOCKET_FOLDER, "DirectoryOrCreate"),
      onHost("registration", "/var/lib/kubelet/plugins_registry", "Directory"),
      onHost("staging", "/var/lib/kubelet/plugins/kubernetes.io/csi", "DirectoryOrCreate"),
      onHost("pods", "/var/lib/kubelet/pods", "DirectoryOrCreate"),
      onHost("host", "/"),
      onHost("devices", "/dev"),
      onHost("sys", "/sys"),
      onHost("modules", "/lib/modules"),
    ],
  };
}

/** The sidecars that turn claims into volumes; they talk to the driver of the node they are on. */
function controller(): Manifest {
  const sidecar = (name: string, image: string, ...further: string[]): Manifest => ({
    name,
    image,
    args: [
      `--csi-address=${SOCKET}`,
      "--leader-election",
      "--leader-election-namespace=$(POD_NAMESPACE)",
      ...further,
    ],
    env: [fromField("POD_NAMESPACE", "metadata.namespace")],
    volumeMounts: [{ name: "socket", mountPath: "/csi" }],
  });
  return {
    containers: [
      sidecar("csi-resizer", `longhornio/csi-resizer:${variable("CSI_RESIZER_VERSION", "v1.12.0")}`),
      sidecar(
        "csi-provisioner",
        `longhornio/csi-provisioner:${variable("CSI_PROVISIONER_VERSION", "v5.1.0")}`,
        "--timeout=125s",
      ),
      sidecar(
        "csi-attacher",
        `longhornio/csi-attacher:${variable("CSI_ATTACHER_VERSION", "v4.7.0")}`,
        "--timeout=125s",
      ),
    ],
    volumes: [onHost("socket", SOCKET_FOLDER, "DirectoryOrCreate")],
  };
}
