import {
  DATA_DIRECTORY,
  INSTALL_DIRECTORY,
  planeDirectory,
  planePorts,
  planes,
  type Plane,
} from "#cli/simulate/place.ts";
import { apiServerArgs, apiServerFiles } from "#platform/control-plane/kube-apiserver.ts";

/** What the simulator's pod is made of and plays. */
export interface SimulatorOptions {
  readonly capfnImage: string;
  /** Those of the control plane are on every kind node. */
  readonly etcdImage: string;
  readonly apiServerImage: string;
  /** Of the pod. */
  readonly namespace: string;
  /** Namespace that the simulated Harvester's users work in. */
  readonly publishTo: string;
  readonly cluster: string;
  readonly realistic: boolean;
}

const ETCD_URL = "http://127.0.0.1:2379";

/** Nobody in particular; all containers are the same user, who alone may read the keys. */
const USER = 65532;

const unprivileged = { allowPrivilegeEscalation: false };
const data = { name: "data", mountPath: DATA_DIRECTORY };

/** Template of the pod in which etcd, both API servers and the simulator run. Its files live as long as the pod. */
export function simulatorPod(name: string, options: SimulatorOptions) {
  const { capfnImage, publishTo, cluster, namespace, realistic } = options;
  const capfn = (container: string, ...args: string[]) => ({
    name: container,
    image: capfnImage,
    imagePullPolicy: "IfNotPresent",
    command: ["node", "/app/capfn.mjs", "simulate", ...args, "--directory", DATA_DIRECTORY],
    securityContext: { ...unprivileged, capabilities: { drop: ["ALL"] }, readOnlyRootFilesystem: true },
  });
  const run = capfn(
    "simulator",
    "run",
    "--install",
    INSTALL_DIRECTORY,
    "--publish-to",
    publishTo,
    "--cluster",
    cluster,
    ...(realistic ? ["--realistic"] : []),
  );
  return {
    metadata: { labels: { app: name } },
    spec: {
      serviceAccountName: name,
      enableServiceLinks: false,
      terminationGracePeriodSeconds: 2,
      securityContext: {
        runAsNonRoot: true,
        runAsUser: USER,
        runAsGroup: USER,
        fsGroup: USER,
        seccompProfile: { type: "RuntimeDefault" },
      },
      initContainers: [{ ...capfn("prepare", "prepare", "--namespace", namespace), volumeMounts: [data] }],
      containers: [
        etcd(options.etcdImage),
        ...planes.map((plane) => apiServer(plane, options.apiServerImage)),
        { ...run, volumeMounts: [data, { name: "install", mountPath: INSTALL_DIRECTORY }] },
      ],
      volumes: [
        { name: "data", emptyDir: {} },
        { name: "install", configMap: { name } },
      ],
    },
  };
}

function etcd(image: string) {
  return {
    name: "etcd",
    image,
    imagePullPolicy: "IfNotPresent",
    command: [
      "etcd",
      `--data-dir=${DATA_DIRECTORY}/etcd`,
      `--listen-client-urls=${ETCD_URL}`,
      `--advertise-client-urls=${ETCD_URL}`,
      "--listen-peer-urls=http://127.0.0.1:2380",
      "--unsafe-no-fsync",
      "--log-level=warn",
    ],
    securityContext: unprivileged,
    volumeMounts: [data],
  };
}

/** No capability is dropped: the file of the published image carries one, and would not start without. */
function apiServer(plane: Plane, image: string) {
  const port = planePorts[plane];
  const args = apiServerArgs(apiServerFiles(planeDirectory(DATA_DIRECTORY, plane)), {
    port,
    etcdUrl: ETCD_URL,
    etcdPrefix: `/registry/${plane}`,
    auditLog: true,
    serviceAccounts: false,
    extraFlags: { "bind-address": "0.0.0.0", "audit-log-maxsize": "100", "audit-log-maxbackup": "1" },
  });
  const ready = { httpGet: { path: "/readyz", port, scheme: "HTTPS" }, periodSeconds: 2, timeoutSeconds: 5 };
  return {
    name: plane,
    image,
    imagePullPolicy: "IfNotPresent",
    command: ["kube-apiserver", ...args],
    env: [{ name: "GOGC", value: "50" }],
    ports: [{ name: plane, containerPort: port }],
    readinessProbe: { ...ready, failureThreshold: 60 },
    securityContext: unprivileged,
    volumeMounts: [data],
  };
}
