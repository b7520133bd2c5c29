import { startClusterApiCore } from "#platform/control-plane/cluster-api-core.ts";
import { startControlPlane, type ControlPlane } from "#platform/control-plane/control-plane.ts";
import { startEtcd } from "#platform/control-plane/etcd.ts";
import type { ControlPlaneHost } from "#platform/control-plane/host.ts";
import { installManifests } from "#platform/control-plane/install-manifests.ts";
import { BASIC_CONTROLLERS } from "#platform/control-plane/kube-controller-manager.ts";
import { clusterApiCrds } from "#platform/control-plane/cluster-api-core.ts";
import { harvesterCrds } from "#platform/control-plane/third-party-manifests.ts";
import { generateAdmission } from "#cli/generate/admission.ts";
import { generateCrds } from "#cli/generate/crds.ts";
import type { KubeClient } from "#platform/kube/client.ts";
import { createKubeClient } from "#platform/kube/rest.ts";
import { kubeObjectManifests } from "#cli/lab/manifests.ts";
import { startHarvesterSimulator, type HarvesterSimulator } from "#platform/simulator/harvester-simulator.ts";
import { installHarvester } from "#platform/simulator/install-harvester.ts";
import type { SimulatorTimes } from "#platform/simulator/times.ts";
import { startWorkloadSimulator, type WorkloadSimulator } from "#platform/simulator/workload-simulator.ts";

export interface LabOptions {
  /** The same for all, or by name of the VM or image. */
  readonly times: SimulatorTimes | ((name: string) => SimulatorTimes);
  /** Run the real Cluster API core manager; without it somebody else plays its part. */
  readonly core: boolean;
  /** Run a workload API server whose Nodes register when VMs run. */
  readonly workload: boolean;
  readonly seed?: number;
  /** Stands between the simulators and their API servers, e.g. to note when they write what. */
  readonly simulatorClient?: (client: KubeClient) => KubeClient;
}

/** The users whose requests are told apart in the audit logs. */
export const labUsers = {
  capfn: "capfn",
  simulator: "simulator",
  core: "cluster-api-core",
  person: "admin",
} as const;

/** Real control planes on this machine, with a simulated Harvester and, if asked for, the real Cluster API core. */
export interface Lab extends AsyncDisposable {
  readonly management: ControlPlane;
  readonly harvester: ControlPlane;
  readonly workload: ControlPlane | undefined;
  /** As a person with all rights. */
  readonly client: {
    readonly management: KubeClient;
    readonly harvester: KubeClient;
    readonly workload: KubeClient | undefined;
  };
  readonly simulator: HarvesterSimulator;
  /** The kubelets of the workload cluster. */
  readonly kubelets: WorkloadSimulator | undefined;
  stop(): Promise<void>;
}

/** Starts everything a cluster on Harvester needs around capfn. Takes seconds once the programs are at hand. */
export async function startLab(host: ControlPlaneHost, options: LabOptions): Promise<Lab> {
  await using started = new AsyncDisposableStack();
  const { clock } = host;
  const etcd = started.use(await startEtcd(host));
  const users = [labUsers.capfn, labUsers.simulator, labUsers.core].map((name) => ({
    name,
    groups: ["system:masters"],
    token: `${name}-token`,
  }));
  const plane = (name: string, controllers: readonly string[]) =>
    startControlPlane(host, { name, etcd, users, controllers });
  const [management, harvester, workload] = await Promise.all([
    plane("management", BASIC_CONTROLLERS),
    plane("harvester", []),
    options.workload ? plane("workload", []) : undefined,
  ]);
  for (const each of [management, harvester, workload]) if (each !== undefined) started.use(each);
  const open = (of: ControlPlane, user?: string): KubeClient =>
    started.adopt(
      createKubeClient(user === undefined ? of.clientConfig : of.clientConfigFor(user), { clock }),
      (client) => client.close(),
    );
  const client = {
    management: open(management),
    harvester: open(harvester),
    workload: workload && open(workload),
  };
  const [crds, coreCrds] = await Promise.all([harvesterCrds(host), options.core ? [] : clusterApiCrds(host)]);
  await Promise.all([
    installManifests(
      client.management,
      [
        ...coreCrds,
        ...kubeObjectManifests([...generateCrds().values(), ...generateAdmission().values()].join("---\n")),
      ],
      clock,
    ),
    installHarvester(client.harvester, { clock, crds }),
  ]);
  if (options.core)
    started.use(await startClusterApiCore(host, management, client.management, labUsers.core));
  const openForSimulator = (of: ControlPlane): KubeClient => {
    const opened = open(of, labUsers.simulator);
    return options.simulatorClient?.(opened) ?? opened;
  };
  const simulator = started.use(
    await startHarvesterSimulator({
      client: openForSimulator(harvester),
      clock,
      times: options.times,
      ...(options.seed === undefined ? {} : { seed: options.seed }),
    }),
  );
  const kubelets =
    workload &&
    started.use(startWorkloadSimulator({ harvester: simulator, client: openForSimulator(workload), clock }));
  const running = started.move();
  const stop = () => running.disposeAsync();
  return { management, harvester, workload, client, simulator, kubelets, stop, [Symbol.asyncDispose]: stop };
}
