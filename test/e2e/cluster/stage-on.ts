import { NAMESPACE as DEMO } from "#cli/demo/stage.ts";
import { simulatorManifests } from "#cli/simulate/manifests.ts";
import { planes, SIMULATOR_NAMESPACE, type Plane } from "#cli/simulate/place.ts";
import type { ControlPlaneHost } from "#platform/control-plane/host.ts";
import type { KubeClient } from "#platform/kube/client.ts";
import type { ConnectionConfig } from "#platform/kube/connection-config.ts";
import { loadKubeconfig } from "#platform/kube/kubeconfig-file.ts";
import { parseKubeconfig } from "#platform/kube/kubeconfig.ts";
import { secrets } from "#platform/kube/resources.ts";
import { createKubeClient } from "#platform/kube/rest.ts";
import { provideCapfnImage } from "#test/e2e/cluster/capfn-image.ts";
import { installClusterApi } from "#test/e2e/cluster/components/cluster-api.ts";
import { available, installKeda, installKnative, yamlOf } from "#test/e2e/cluster/components/install.ts";
import { forward } from "#test/e2e/cluster/forward.ts";
import { CAPFN_NAMESPACE, openHelm, type Helm } from "#test/e2e/cluster/helm.ts";
import type { Cluster } from "#test/e2e/cluster/machine/cluster.ts";
import { ETCD_TAG } from "#test/e2e/cluster/machine/node-image.ts";
import type { ClusterOptions, Runner } from "#test/e2e/cluster/options.ts";
import { versions } from "#test/e2e/cluster/versions.ts";
import { until } from "#test/e2e/until.ts";

/** What of the simulated world is at which Secret. */
const published: Readonly<Record<Plane, { readonly name: string; readonly key: string }>> = {
  harvester: { name: "harvester-identity", key: "kubeconfig" },
  workload: { name: "demo-kubeconfig", key: "value" },
};

/** capfn in a cluster, with all it works with: Cluster API core, a simulated Harvester and workload cluster, and what scales its functions. */
export interface Stage {
  readonly host: ControlPlaneHost;
  readonly cluster: Cluster;
  readonly runner: Runner;
  readonly helm: Helm;
  /** Values the chart was installed with. */
  readonly values: Readonly<Record<string, string>>;
  /** How the management cluster is reached as its owner. */
  readonly management: ConnectionConfig;
  /** As a person with all rights. */
  readonly client: {
    readonly management: KubeClient;
    readonly harvester: KubeClient;
    readonly workload: KubeClient;
  };
  /** Milliseconds from `helm upgrade --install` to its end. */
  readonly installedInMs: number;
}

/** Installs everything on a cluster. What keeps it reachable is put on the stack. */
export async function stageOn(
  host: ControlPlaneHost,
  cluster: Cluster,
  options: ClusterOptions,
  stack: AsyncDisposableStack,
): Promise<Stage> {
  const image = options.image ?? (await provideCapfnImage(host, cluster));
  await installClusterApi(host, cluster);
  if (options.runner === "keda") await installKeda(host, cluster);
  if (options.runner === "knative") await installKnative(host, cluster);
  await startSimulator(host, cluster, image);
  const helm = await openHelm(host, cluster);
  const [repository = "", tag = ""] = image.split(/:(?=[^:/]+$)/);
  const values = {
    runner: options.runner,
    "image.repository": repository,
    "image.tag": tag,
    // So that twenty wakes do not take half an hour.
    ...(options.runner === "keda" ? { "keda.cooldownPeriod": "5" } : {}),
  };
  await cluster.apply(yamlOf([restrictedNamespace(CAPFN_NAMESPACE)]));
  host.progress("installing the chart, 5 to 40 seconds");
  const begunAt = host.clock.monotonic();
  await helm.upgrade(values);
  const installedInMs = host.clock.monotonic() - begunAt;
  const management = await loadKubeconfig("management", { clock: host.clock, path: cluster.kubeconfigPath });
  const open = (config: ConnectionConfig): KubeClient =>
    stack.adopt(createKubeClient(config, { clock: host.clock }), (client) => client.close());
  const managementClient = open(management);
  const guest = async (plane: Plane): Promise<KubeClient> => {
    const name = `service/${plane}`;
    const { port } = stack.use(
      await forward(host, cluster, { namespace: SIMULATOR_NAMESPACE, name, port: 443 }),
    );
    const config = await publishedConnection(managementClient, plane);
    return open({ ...config, server: `https://127.0.0.1:${port}` });
  };
  const [harvester, workload] = await Promise.all(planes.map(guest));
  if (harvester === undefined || workload === undefined) throw new Error("both API servers are simulated");
  return {
    host,
    cluster,
    runner: options.runner,
    helm,
    values,
    management,
    client: { management: managementClient, harvester, workload },
    installedInMs,
  };
}

async function startSimulator(host: ControlPlaneHost, cluster: Cluster, image: string): Promise<void> {
  host.progress("starting the simulated Harvester and workload cluster, 20 to 60 seconds");
  const manifests = await simulatorManifests(host, {
    capfnImage: image,
    etcdImage: `registry.k8s.io/etcd:${ETCD_TAG}`,
    apiServerImage: `registry.k8s.io/kube-apiserver:v${versions.kubernetes}`,
    namespace: SIMULATOR_NAMESPACE,
    publishTo: DEMO,
    cluster: "demo",
    realistic: false,
  });
  await cluster.apply(yamlOf(manifests));
  await available(cluster, SIMULATOR_NAMESPACE);
  const names = Object.values(published).map(({ name }) => `secret/${name}`);
  await until(
    "the simulator has published its kubeconfigs",
    () =>
      cluster.kubectl("get", "--namespace", DEMO, ...names).then(
        () => true,
        () => false,
      ),
    300_000,
  );
}

async function publishedConnection(management: KubeClient, plane: Plane): Promise<ConnectionConfig> {
  const { name, key } = published[plane];
  const secret = await management.get(secrets, { namespace: DEMO, name });
  const data = (secret?.["data"] ?? {}) as Record<string, string>;
  return parseKubeconfig(Buffer.from(data[key] ?? "", "base64").toString("utf8"), plane);
}

/** A namespace that admits only pods of the Pod Security Standard `restricted`. */
function restrictedNamespace(name: string) {
  const labels = {
    "pod-security.kubernetes.io/enforce": "restricted",
    "pod-security.kubernetes.io/warn": "restricted",
  };
  return { apiVersion: "v1", kind: "Namespace", metadata: { name, labels } };
}
