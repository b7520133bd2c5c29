import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { allFunctions } from "#cli/functions.ts";
import { Hub } from "#events/hub/hub.ts";
import type { Scope } from "#events/hub/names.ts";
import { defaultPolicy } from "#events/hub/policy.ts";
import { silentReporter } from "#events/hub/reporter.ts";
import { memoryLedger } from "#events/sources/memory-ledger.ts";
import { connectionStateView } from "#platform/cluster-api/connection-state.ts";
import { kubeObjectSchema, type KubeObject } from "#platform/kube/resource.ts";
import { MANAGEMENT, type ResourceView } from "#platform/kube/view.ts";
import type { Clock } from "#platform/process/clock.ts";
import type { Sheet } from "#test/bench/sheet.ts";
import {
  cluster,
  harvesterCluster,
  harvesterMachine,
  machine,
  place,
} from "#test/support/cluster-objects.ts";
import { fakeDeps } from "#test/support/step-deps.ts";
import { rest } from "#test/unit/functions/every-need.ts";
import { harvesterItself, instance, node } from "#test/unit/functions/go-provider-objects.ts";

interface Placed {
  readonly connection: string;
  readonly object: KubeObject;
}

/**
 * What one hub costs at a size no API server of this machine could hold: real functions and a real index, objects handed over in place of watches.
 * The objects are those of a machine that capfn has brought up, under other names.
 */
export async function measureIndex(clock: Clock, sheet: Sheet, counts: readonly number[]): Promise<void> {
  const original = await oneMachine();
  for (const count of counts) {
    const before = heap();
    const cpuBefore = process.cpuUsage();
    const { hub, deltas } = await filled(clock, original, count);
    const cpu = process.cpuUsage(cpuBefore);
    const perMachine = (heap() - before) / count;
    sheet.measured({
      id: `index/bytes-per-machine-${count}`,
      what: `heap of the index for each of ${count} machines, with who looks at what`,
      unit: "bytes",
      value: Math.round(perMachine),
      note: `${hub.index.size} objects; ${hub.figures().queued} in line`,
    });
    sheet.measured({
      id: `index/cpu-per-delta-${count}`,
      what: `CPU for each object of ${count} machines, listed and judged`,
      unit: "us",
      value: Math.round((cpu.user + cpu.system) / deltas),
    });
    await hub.stop(0);
  }
}

/** Every object of one machine that serves, and of its cluster. */
async function oneMachine(): Promise<readonly Placed[]> {
  const endpoint = { controlPlaneEndpoint: { host: "10.60.0.2", port: 6443 } };
  const bootstrap = {
    apiVersion: "v1",
    kind: "Secret",
    metadata: { namespace: place.namespace, name: "m-0-bootstrap" },
    data: { value: "" },
  };
  const management = [
    cluster(),
    harvesterCluster({ spec: endpoint }),
    machine("m-0"),
    harvesterMachine("m-0"),
    bootstrap,
  ];
  const deps = fakeDeps({ management, harvester: harvesterItself() });
  await rest(deps);
  deps.harvesterApi.put(instance("10.50.0.10"));
  await rest(deps);
  deps.workloadApi.put(node({}));
  await rest(deps);
  const workload = `workload/${place.namespace}/${place.cluster}`;
  return [
    ...deps.management.all().map((object) => ({ connection: MANAGEMENT, object })),
    ...deps.harvesterApi.all().map((object) => ({ connection: place.connection, object })),
    ...deps.workloadApi.all().map((object) => ({ connection: workload, object })),
  ];
}

async function filled(clock: Clock, original: readonly Placed[], count: number) {
  const wanted: { view: ResourceView<unknown>; scope: Scope }[] = [];
  const hub = new Hub({
    functions: allFunctions,
    clusterId: "bench",
    clock,
    random: () => 0.5,
    policy: defaultPolicy,
    ledger: memoryLedger(),
    runner: { run: () => new Promise(() => undefined) },
    reporter: silentReporter,
    observe: () => undefined,
    scopesOf: (_view, connection) => [{ connection }],
    demand: { wanted: (view, scope) => wanted.push({ view, scope }), unwanted: () => undefined },
    bundleOf: () => "bench",
    dispatch: false,
  });
  await hub.start();
  for (const fn of allFunctions) wanted.push({ view: fn.for, scope: { connection: MANAGEMENT } });
  const told = new Set<string>();
  let deltas = 0;
  for (let next = wanted.shift(); next !== undefined; next = wanted.shift()) {
    const { view, scope } = next;
    const name = `${scope.connection} ${view.type.kind}`;
    if (told.has(name)) continue;
    told.add(name);
    if (scope.connection !== MANAGEMENT)
      hub.publish(connectionStateView, stateOf(scope.connection, told.size));
    hub.receive(view, scope, { type: "relist", reason: "start" });
    const ofKind = original.filter(
      ({ connection, object }) => connection === scope.connection && object.kind === view.type.kind,
    );
    for (const { object } of ofKind)
      for (const copy of copies(object, count)) {
        deltas += 1;
        hub.receive(view, scope, { type: "added", object: copy });
      }
    hub.receive(view, scope, { type: "synced", resourceVersion: "1000000000" });
    do await turn();
    while (!hub.idle);
  }
  return { hub, deltas };
}

/** What is of the machine becomes many, what is of the cluster stays one. */
function* copies(object: KubeObject, count: number): Generator<KubeObject> {
  const text = JSON.stringify(object);
  if (!text.includes("m-0")) {
    yield object;
    return;
  }
  const { uid } = object.metadata;
  for (let n = 0; n < count; n += 1) {
    const copy = text.replaceAll("m-0", `m-${n}`).replaceAll(uid, `${uid}-${n}`);
    yield kubeObjectSchema.parse(JSON.parse(copy));
  }
}

/** The clock's timers do not keep a process alive that has nothing else. */
function turn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 20));
}

function stateOf(connection: string, version: number): KubeObject {
  const { group, version: apiVersion, kind } = connectionStateView.type;
  const metadata = { name: connection, uid: connection, resourceVersion: String(version) };
  return { apiVersion: `${group}/${apiVersion}`, kind, metadata, state: "connected" };
}

/** Bytes in use after everything that can go has gone. */
function heap(): number {
  setFlagsFromString("--expose-gc");
  const collect: unknown = runInNewContext("gc");
  if (typeof collect === "function") for (let n = 0; n < 3; n += 1) collect();
  return process.memoryUsage().heapUsed;
}
