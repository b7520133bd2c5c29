import { prepare } from "#cli/demo/stage.ts";
import { labUsers, startLab, type Lab } from "#cli/lab/lab.ts";
import type { ControlPlaneHost } from "#platform/control-plane/host.ts";
import { installManifests } from "#platform/control-plane/install-manifests.ts";
import type { KubeClient } from "#platform/kube/client.ts";
import { FAST_TIMES } from "#platform/simulator/times.ts";
import { startKubelets, type Kubelets } from "#test/e2e/contract/kubelets.ts";
import { untilAvailable } from "#test/e2e/contract/machines.ts";
import { startCapfn, startManagement, type Management } from "#test/e2e/contract/management.ts";
import type { ClusterPlan } from "#test/e2e/contract/names.ts";
import { clusterObjects, endpointPool, machineObjects } from "#test/e2e/contract/objects.ts";
import { newEndpoint, startWorkloadCluster } from "#test/e2e/contract/workload-cluster.ts";
import { startProviders } from "#test/support/cluster-api-providers.ts";

/** A cluster that is there, with the kubelets of its machines. */
export interface RunningCluster {
  readonly name: string;
  readonly workload: KubeClient;
  readonly kubelets: Kubelets;
}

/**
 * The real Cluster API core, kubeadm bootstrap and control plane providers on a real API server, capfn beside them, a simulated Harvester; for
 * each cluster a real API server behind its endpoint, and played kubelets.
 */
export interface Contract extends AsyncDisposable {
  readonly host: ControlPlaneHost;
  readonly lab: Lab;
  readonly management: Management;
  /** Another management cluster with the same on it; started when it is asked for first. */
  readonly target: () => Promise<Management>;
  /** The cluster all scenarios work with: one control plane machine and two workers; made when it is asked for first. */
  readonly app: () => Promise<RunningCluster>;
  /** API server and kubelets for a cluster of another scenario, before its machines are made. */
  readonly behind: (cluster: Pick<ClusterPlan, "name" | "endpoint">) => Promise<RunningCluster>;
}

export async function openContract(host: ControlPlaneHost): Promise<Contract> {
  await using stack = new AsyncDisposableStack();
  const lab = stack.use(
    await startLab(host, {
      times: FAST_TIMES,
      workload: false,
      core: (plane, client) => startProviders(host, plane, client, labUsers.core),
    }),
  );
  const management: Management = { plane: lab.management, client: lab.client.management };
  await prepare(lab, host.clock);
  const capfn = await startCapfn(host, lab.management);
  stack.defer(() => capfn.stop());

  // What is started when it is asked for first.
  const later = stack.use(new AsyncDisposableStack());
  const managements: Management[] = [management];
  const behind = async (cluster: Pick<ClusterPlan, "name" | "endpoint">): Promise<RunningCluster> => {
    const { plane, client: workload } = later.use(
      await startWorkloadCluster(host, management.client, cluster),
    );
    host.progress(`the API server of ${cluster.name} is at ${plane.server}`);
    const kubelets = later.use(
      startKubelets({
        clock: host.clock,
        cluster: cluster.name,
        workload,
        harvester: lab.client.harvester,
        management: () => managements.map(({ client }) => client),
        guests: lab.simulator,
        onTrouble: host.progress,
      }),
    );
    return { name: cluster.name, workload, kubelets };
  };
  const app = once(async () => {
    const plan = { name: "app", endpoint: newEndpoint(), controlPlanes: 1, workers: 2 };
    await installManifests(lab.client.harvester, endpointPool(plan), host.clock);
    const running = await behind(plan);
    const objects = [...clusterObjects(plan), ...machineObjects(plan)];
    await installManifests(management.client, objects, host.clock);
    await untilAvailable(management.client, plan);
    return running;
  });
  const target = once(async () => {
    const started = later.use(await startManagement(host, "target"));
    managements.push(started);
    return started;
  });
  const running = stack.move();
  return { host, lab, management, target, app, behind, [Symbol.asyncDispose]: () => running.disposeAsync() };
}

function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => (made ??= make());
}
