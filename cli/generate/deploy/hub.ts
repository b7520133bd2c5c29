import {
  block,
  setting,
  when,
  type Document,
  type Node,
  type NodeMap,
} from "#cli/generate/deploy/template.ts";
import { HUB_RESOURCES } from "#cli/generate/deploy/resources.ts";
import {
  container,
  flag,
  optionalFlag,
  placement,
  shardFlags,
  tokenVolume,
} from "#cli/generate/deploy/pod.ts";
import {
  FUNCTIONS_AUDIENCE,
  HUB,
  hubAccount,
  inNamespace,
  INGRESS,
  podLabels,
  NAMESPACE,
  ports,
  runnerIs,
  selector,
} from "#cli/generate/deploy/words.ts";

/** Where functions are. */
export type RunnerKind = "in-process" | "knative" | "keda";

export const COMMAND = ["node", "--max-semi-space-size=1", "--optimize-for-size", "/app/capfn.mjs"];
const TOKEN_FOLDER = "/var/run/secrets/capfn/functions";
const INGRESS_FOLDER = "/etc/capfn/ingress";
/** Each Secret of `ingress.secrets` has a folder of its name here. */
const SECRETS_FOLDER = "/etc/capfn/secrets";
const INGRESS_ON = "$.Values.ingress.enabled";

/** A part for one runner: in the manifests of that runner, in the chart under the condition that it is chosen. */
type ForRunner = (kind: RunnerKind, node: Node) => Node;

/** The Deployment of the hub: one for each runner in the manifests, one for all in the chart. */
export function hubDeployment(runner: RunnerKind): Document {
  const only: ForRunner = (kind, node) => when(runnerIs(kind), node, { inManifest: kind === runner });
  const spec = {
    replicas: setting(1, "$.Values.replicas"),
    selector: { matchLabels: selector("hub") },
    template: { metadata: podMetadata(), spec: podSpec(only) },
  };
  return {
    node: { apiVersion: "apps/v1", kind: "Deployment", metadata: inNamespace(HUB, "hub"), spec },
  };
}

function podMetadata(): NodeMap {
  return {
    labels: podLabels("hub"),
    annotations: {
      "kubectl.kubernetes.io/default-container": "hub",
      "checksum/ingress": when(
        INGRESS_ON,
        setting(undefined, "$.Values.ingress.config | toJson | sha256sum"),
      ),
    },
  };
}

function podSpec(only: ForRunner): NodeMap {
  return {
    serviceAccountName: hubAccount,
    enableServiceLinks: false,
    terminationGracePeriodSeconds: 30,
    ...placement,
    containers: [
      {
        ...container("hub", COMMAND, ["run", ...hubFlags(only)]),
        ports: hubPorts(only),
        livenessProbe: probe("/healthz", 20),
        readinessProbe: probe("/readyz", 5),
        resources: block(HUB_RESOURCES, "$.Values.resources"),
        volumeMounts: hubMounts(only),
      },
    ],
    volumes: hubVolumes(only),
  };
}

function hubFlags(only: ForRunner): Node[] {
  return [
    when("$.Values.leaderElect", "--leader-elect", { inManifest: true }),
    flag("ledger-namespace", NAMESPACE, "$.Release.Namespace"),
    flag("metrics-bind-address", `:${ports.metrics}`, "$.Values.metrics.bindAddress"),
    when("$.Values.metrics.secure", "--metrics-secure"),
    flag("health-probe-bind-address", `:${ports.health}`, "$.Values.healthProbe.bindAddress"),
    flag("log-level", "info", "$.Values.logLevel"),
    flag("max-in-flight", 64, "$.Values.maxInFlight"),
    flag("request-rate", 100, "$.Values.requestRate"),
    ...shardFlags,
    when(INGRESS_ON, `--ingress-bind-address=:${ports.ingress}`),
    when(INGRESS_ON, `--ingress-config=${INGRESS_FOLDER}/ingress.yaml`),
    optionalFlag("etcd-snapshots", "$.Values.etcdSnapshots"),
    optionalFlag("broadcast", "$.Values.broadcast.url"),
    when(
      "and $.Values.broadcast.url $.Values.broadcast.secret",
      setting(
        undefined,
        `printf "--broadcast-credentials=${SECRETS_FOLDER}/%s/%s" $.Values.broadcast.secret $.Values.broadcast.key | quote`,
      ),
    ),
    only(
      "knative",
      setting(
        `--functions-url=http://{function}.${NAMESPACE}.svc.cluster.local/{function}`,
        `printf "--functions-url=http://{function}.%s.svc.%s/{function}" $.Release.Namespace $.Values.clusterDomain | quote`,
      ),
    ),
    only("knative", `--functions-token-file=${TOKEN_FOLDER}/token`),
    only("keda", `--pull-bind-address=:${ports.pull}`),
    only("keda", `--scaler-bind-address=:${ports.scaler}`),
    block([], "$.Values.extraArgs"),
  ];
}

function hubPorts(only: ForRunner): Node[] {
  return [
    {
      name: "health",
      containerPort: setting(ports.health, 'include "capfn.port" $.Values.healthProbe.bindAddress'),
    },
    when(
      'include "capfn.port" $.Values.metrics.bindAddress',
      {
        name: "metrics",
        containerPort: setting(ports.metrics, 'include "capfn.port" $.Values.metrics.bindAddress'),
      },
      { inManifest: true },
    ),
    when(INGRESS_ON, { name: "ingress", containerPort: ports.ingress }),
    only("keda", { name: "pull", containerPort: ports.pull }),
    only("keda", { name: "scaler", containerPort: ports.scaler }),
  ];
}

function hubMounts(only: ForRunner): Node[] {
  return [
    only("knative", { name: "functions-token", mountPath: TOKEN_FOLDER, readOnly: true }),
    when(INGRESS_ON, { name: "ingress", mountPath: INGRESS_FOLDER, readOnly: true }),
    block([], `include "capfn.secretMounts" (list $ "${SECRETS_FOLDER}") | fromJsonArray`),
    block([], "$.Values.extraVolumeMounts"),
  ];
}

function hubVolumes(only: ForRunner): Node[] {
  return [
    only("knative", tokenVolume("functions-token", FUNCTIONS_AUDIENCE)),
    when(INGRESS_ON, { name: "ingress", configMap: { name: INGRESS } }),
    block([], 'include "capfn.secretVolumes" $ | fromJsonArray'),
    block([], "$.Values.extraVolumes"),
  ];
}

function probe(path: string, periodSeconds: number): NodeMap {
  return { httpGet: { path, port: "health" }, periodSeconds, timeoutSeconds: 5 };
}
