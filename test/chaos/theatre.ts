import { randomBytes } from "node:crypto";
import type { Interceptor } from "#platform/kube/api-request.ts";
import type { KubeClient } from "#platform/kube/client.ts";
import { createKubeClient } from "#platform/kube/rest.ts";
import { systemClock } from "#platform/process/clock.ts";
import { type HarvesterSimulator, startHarvesterSimulator } from "#platform/simulator/harvester-simulator.ts";
import { installHarvester } from "#platform/simulator/install-harvester.ts";
import type { SimulatorTimes } from "#platform/simulator/times.ts";
import { startWorkloadSimulator, type WorkloadSimulator } from "#platform/simulator/workload-simulator.ts";
import { etcdStock, type EtcdStock } from "#test/chaos/etcd-stock.ts";
import { type Observer, startObserver } from "#test/chaos/observer.ts";
import type { Api, Stage, StageUser } from "#test/chaos/stage.ts";
import { trialNames, type TrialNames, trialOf } from "#test/chaos/trial-names.ts";

/** A stage with Harvester, the guests and the kubelets being played, and with everything being watched. */
export interface Theatre extends AsyncDisposable {
  readonly stage: Stage;
  /** Of the user `admin`. */
  readonly clients: Readonly<Record<Api, KubeClient>>;
  readonly harvester: HarvesterSimulator;
  readonly workload: WorkloadSimulator;
  readonly observer: Observer;
  readonly etcds: EtcdStock;
  /** Nobody who plays a part in the trial waits for an answer. */
  isQuiet(trial: string): boolean;
  /** What went wrong in the simulators. */
  readonly troubles: string[];
  nextTrial(): TrialNames;
}

/** Each step is seen, none is waited for. */
const TIMES: SimulatorTimes = {
  vmiAfterMs: 2,
  runningAfterMs: 6,
  addressAfterMs: 4,
  cniAfterMs: 4,
  stopAfterMs: 8,
  nodeAfterMs: 4,
  imageAfterMs: 2,
  loadBalancerAfterMs: 2,
};

/** Counts each trial's requests under way, watches apart. */
function trafficCount() {
  const underWay = new Map<string, number>();
  const add = (trial: string, count: number): void =>
    void underWay.set(trial, (underWay.get(trial) ?? 0) + count);
  const count: Interceptor = async (request, send) => {
    const { namespace, name = "" } = request;
    const trial = trialOf({ namespace, name });
    if (trial === undefined || request.verb === "watch") return send();
    add(trial, 1);
    try {
      return await send();
    } finally {
      add(trial, -1);
    }
  };
  return { count, isQuiet: (trial: string) => (underWay.get(trial) ?? 0) === 0 };
}

/** Clusters of etcd that wait for the next trials. */
const ETCDS_READY = 2;

export async function openTheatre(stage: Stage, times: SimulatorTimes = TIMES): Promise<Theatre> {
  await using undo = new AsyncDisposableStack();
  const salt = randomBytes(2).readUInt16BE().toString(36).padStart(4, "0").slice(-3);
  const clock = systemClock();
  const open = (api: Api, user: StageUser): KubeClient =>
    undo.adopt(createKubeClient(stage[api].config(user), { clock, intercept: traffic.count }), (client) =>
      client.close(),
    );
  const traffic = trafficCount();
  const clients = { M: open("M", "admin"), H: open("H", "admin"), W: open("W", "admin") };
  const troubles: string[] = [];
  const onError = (what: string, error: unknown): void => void troubles.push(`${what}: ${String(error)}`);
  const simulator = open("H", "simulator");
  await installHarvester(simulator, { clock });
  const isOurs = (name: { namespace?: string | undefined; name: string }): boolean =>
    trialOf(name)?.startsWith(`cx${salt}`) === true;
  const harvester = undo.use(
    await startHarvesterSimulator({
      client: simulator,
      clock,
      times,
      seed: salt,
      guests: { everyPhase: false },
      scope: isOurs,
      onError,
    }),
  );
  const workload = undo.use(
    startWorkloadSimulator({
      client: open("W", "simulator"),
      clock,
      times,
      harvester,
      member: isOurs,
      onError,
    }),
  );
  const observer = undo.adopt(await startObserver(clients), (each) => each.stop());
  const etcds = undo.use(etcdStock(ETCDS_READY));
  let trials = 0;
  const running = undo.move();
  return {
    stage,
    clients,
    harvester,
    workload,
    observer,
    etcds,
    isQuiet: traffic.isQuiet,
    troubles,
    nextTrial: () => trialNames(salt, (trials += 1)),
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}
