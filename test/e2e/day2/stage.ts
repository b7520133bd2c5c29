import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { applyExample, prepare } from "#cli/demo/stage.ts";
import { startLab, type Lab } from "#cli/lab/lab.ts";
import type { ControlPlaneHost } from "#platform/control-plane/host.ts";
import { installManifests } from "#platform/control-plane/install-manifests.ts";
import { FAST_TIMES } from "#platform/simulator/times.ts";
import { capfnProcess, type CapfnProcess } from "#test/e2e/day2/capfn-process.ts";
import { CONTROL_PLANE, machineManifests, untilJoined } from "#test/e2e/day2/machines.ts";

/** Image, cluster and four machines, when many others use this machine too. */
const STARTUP_MS = 300_000;

/**
 * Real API servers for management, Harvester and workload cluster, the real Cluster API core, a simulated Harvester with kubelets, capfn as a
 * process of its own; and cluster `demo` with three workers and a control plane of one that have joined.
 */
export interface Day2 extends AsyncDisposable {
  readonly host: ControlPlaneHost;
  readonly lab: Lab;
  readonly capfn: CapfnProcess;
  /** For files of this stage; goes with it. */
  readonly directory: string;
}

export async function openDay2(host: ControlPlaneHost): Promise<Day2> {
  const { clock } = host;
  await using stack = new AsyncDisposableStack();
  const directory = await mkdtemp(join(tmpdir(), "capfn-e2e-"));
  stack.defer(() => rm(directory, { recursive: true, force: true }));
  const lab = stack.use(await startLab(host, { times: FAST_TIMES, core: true, workload: true }));
  await prepare(lab, clock);
  const capfn = await capfnProcess(lab, directory);
  stack.defer(() => capfn.crash());
  await capfn.start();
  for (const file of ["cluster.yaml", "workers.yaml"]) await applyExample(lab.client.management, clock, file);
  // Cluster API judges no worker's health before a control plane machine has joined. Nobody owns it: the cluster's API server runs elsewhere.
  const label = { "cluster.x-k8s.io/control-plane": "" };
  await installManifests(lab.client.management, machineManifests(CONTROL_PLANE, { labels: label }), clock);
  await untilJoined({ lab }, 4, STARTUP_MS);
  const running = stack.move();
  return { host, lab, capfn, directory, [Symbol.asyncDispose]: () => running.disposeAsync() };
}
