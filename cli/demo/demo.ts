import { costOf, type Cost, type Span } from "#cli/demo/cost.ts";
import { leftovers } from "#cli/demo/leftovers.ts";
import { progressLines } from "#cli/demo/progress.ts";
import { report, resultOf } from "#cli/demo/report.ts";
import { applyExample, CLUSTER, DEPLOYMENT, NAMESPACE, prepare } from "#cli/demo/stage.ts";
import { left, startWitness, up, type Sighting, type Witness } from "#cli/demo/witness.ts";
import { labUsers, startLab, type Lab } from "#cli/lab/lab.ts";
import { startRunningOperator } from "#cli/operator/operator.ts";
import type { Terminal } from "#cli/terminal.ts";
import { memoryLedger } from "#events/sources/memory-ledger.ts";
import { createLog } from "#platform/observability/log.ts";
import { clusters, machineDeployments } from "#platform/kube/resources.ts";
import { sleep } from "#platform/process/clock.ts";
import { FAST_TIMES, REALISTIC_TIMES, type SimulatorTimes } from "#platform/simulator/times.ts";

export interface DemoOptions {
  readonly json?: boolean;
  readonly keep?: boolean;
  readonly realistic?: boolean;
}

/** VMs that take long enough to be watched: half a minute in all. */
const WATCHABLE_TIMES: SimulatorTimes = {
  ...FAST_TIMES,
  vmiAfterMs: 200,
  runningAfterMs: 1_500,
  addressAfterMs: 700,
  stopAfterMs: 1_000,
  nodeAfterMs: 1_500,
};

/** Longest one act may take, ms, by the times of the VMs. */
const ACT_MS = { quick: 60_000, realistic: 400_000 };

/** An API server writes a request's audit line just after its answer. */
const AUDIT_SETTLES_MS = 500;

/** The whole story: start everything, 3 workers, 5, 1, none; then what it cost and whether anything is left. */
export async function runDemo(options: DemoOptions, terminal: Terminal): Promise<void> {
  const { clock, environment } = terminal;
  const lines = progressLines(terminal);
  lines.headline("Starting control planes, Cluster API core and a simulated Harvester");
  const times = options.realistic === true ? REALISTIC_TIMES : WATCHABLE_TIMES;
  await using lab = await startLab(
    { environment, clock, progress: lines.detail },
    { times, core: true, workload: true },
  );
  await prepare(lab, clock);
  const running = await startRunningOperator({
    management: lab.management.clientConfigFor(labUsers.capfn),
    clock,
    random: terminal.random,
    log: createLog("error", clock),
    ledger: () => memoryLedger(),
    dispatch: true,
    requestsPerSecond: 200,
  });
  const witness = startWitness(lab, clock, lines.machine);
  try {
    const acts = new Acts(
      lab,
      witness,
      terminal,
      options.realistic === true ? ACT_MS.realistic : ACT_MS.quick,
    );
    await acts.begin(lines.headline);
    if (options.keep === true) {
      await stayUp(lab, terminal);
      return;
    }
    await acts.goOn(lines.headline);
    const behind = await leftovers(lab);
    const sightings = [...witness.machines.values()];
    const [creating, deleting] = await acts.costs();
    const result = resultOf({ sightings, left: behind, creating, deleting });
    for (const line of report(result, behind)) terminal.say(line);
    if (options.json === true) terminal.print(JSON.stringify(result));
    if (behind.length > 0) throw new Error(`left behind: ${behind.join(", ")}`);
  } finally {
    witness.stop();
    await running.stop();
  }
}

/** The acts of the story, with the spans of time in which machines came and went. */
class Acts {
  readonly #lab: Lab;
  readonly #witness: Witness;
  readonly #terminal: Terminal;
  readonly #timeoutMs: number;
  readonly #creating: Span[] = [];
  readonly #deleting: Span[] = [];

  constructor(lab: Lab, witness: Witness, terminal: Terminal, timeoutMs: number) {
    this.#lab = lab;
    this.#witness = witness;
    this.#terminal = terminal;
    this.#timeoutMs = timeoutMs;
  }

  async begin(headline: (text: string) => void): Promise<void> {
    const { management } = this.#lab.client;
    const { clock } = this.#terminal;
    headline("Cluster demo with three workers");
    await applyExample(management, clock, "cluster.yaml");
    await this.#clusterReady();
    await this.#span(this.#creating, "three workers up", up(3), () =>
      applyExample(management, clock, "workers.yaml"),
    );
  }

  async goOn(headline: (text: string) => void): Promise<void> {
    const { management } = this.#lab.client;
    headline("Scaled to five");
    await this.#span(this.#creating, "five workers up", up(5), () => this.#scale(5));
    headline("Scaled to one");
    await this.#span(this.#deleting, "one worker left", left(1), () => this.#scale(1));
    headline("Cluster deleted");
    await this.#span(this.#deleting, "no worker left", left(0), async () => {
      const cluster = await management.get(clusters, { namespace: NAMESPACE, name: CLUSTER });
      if (cluster !== undefined)
        await management.delete(clusters, cluster.metadata, {
          uid: cluster.metadata.uid,
          propagation: "Background",
        });
    });
    await this.#clusterGone();
  }

  /** Creating and deleting, apart. */
  async costs(): Promise<[Cost, Cost]> {
    await sleep(this.#terminal.clock, AUDIT_SETTLES_MS);
    return [await costOf(this.#lab, this.#creating), await costOf(this.#lab, this.#deleting)];
  }

  async #span(
    spans: Span[],
    what: string,
    wanted: (machines: readonly Sighting[]) => boolean,
    act: () => Promise<void>,
  ): Promise<void> {
    const { clock } = this.#terminal;
    const since = clock.now();
    await act();
    await this.#witness.until(what, wanted, this.#timeoutMs);
    await sleep(clock, AUDIT_SETTLES_MS);
    spans.push({ since, until: clock.now() });
  }

  async #scale(replicas: number): Promise<void> {
    await this.#lab.client.management.mergePatch(
      machineDeployments,
      { namespace: NAMESPACE, name: DEPLOYMENT },
      { spec: { replicas } },
    );
  }

  async #clusterReady(): Promise<void> {
    const provisioned = async () => {
      const cluster = await this.#lab.client.management.get(clusters, {
        namespace: NAMESPACE,
        name: CLUSTER,
      });
      return JSON.stringify(cluster?.["status"] ?? {}).includes('"infrastructureProvisioned":true');
    };
    await this.#eventually("the cluster's infrastructure is provisioned", provisioned);
  }

  async #clusterGone(): Promise<void> {
    const gone = async () =>
      (await this.#lab.client.management.get(clusters, { namespace: NAMESPACE, name: CLUSTER })) ===
      undefined;
    await this.#eventually("the Cluster is gone", gone);
  }

  async #eventually(what: string, holds: () => Promise<boolean>): Promise<void> {
    const { clock } = this.#terminal;
    const end = clock.monotonic() + this.#timeoutMs;
    while (!(await holds())) {
      if (clock.monotonic() > end) throw new Error(`not reached within ${this.#timeoutMs / 1000} s: ${what}`);
      await sleep(clock, 50);
    }
  }
}

async function stayUp(lab: Lab, terminal: Terminal): Promise<void> {
  for (const plane of [lab.management, lab.harvester, lab.workload]) {
    if (plane !== undefined) terminal.print(`export KUBECONFIG=${plane.kubeconfigPath}   # ${plane.name}`);
  }
  terminal.say(
    "Up until Ctrl-C. Try: kubectl -n demo get harvestermachines; kubectl -n demo scale machinedeployment demo-workers --replicas 5",
  );
  await terminal.ended();
}
