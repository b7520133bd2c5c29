import { setImmediate as nextTurn } from "node:timers/promises";
import * as z from "zod";
import { Hub } from "#events/hub/hub.ts";
import { defaultPolicy } from "#events/hub/policy.ts";
import { silentReporter } from "#events/hub/reporter.ts";
import { memoryLedger } from "#events/sources/memory-ledger.ts";
import { defineFunction } from "#functions/contract/define.ts";
import { done } from "#functions/contract/outcome.ts";
import { relations } from "#functions/contract/relations.ts";
import type { KubeObject } from "#platform/kube/resource.ts";
import { MANAGEMENT, type ResourceView } from "#platform/kube/view.ts";
import type { Clock } from "#platform/process/clock.ts";
import { quantile, type Sheet } from "#test/bench/sheet.ts";

interface Widget {
  readonly spec: { readonly want: number };
}

const widgetView: ResourceView<Widget> = {
  type: { group: "bench.dev", version: "v1", kind: "Widget", plural: "widgets", namespaced: true },
  schema: z.object({ spec: z.object({ want: z.number() }) }),
};

/** Work that never ends and costs nothing: what is left is the hub. */
const nothing = defineFunction({
  name: "nothing",
  summary: "Does nothing",
  on: ["dev.capfn.object.changed"],
  for: widgetView,
  related: relations(widgetView),
  needs: () => true,
  inputs: ({ object }) => object.spec.want,
  condition: "Done",
  rbac: [],
  uses: ["management"],
  handle: () => Promise.resolve(done()),
});

const SCOPE = { connection: MANAGEMENT };

/** The hub alone: changes go in as a watch would deliver them, steps that do nothing come out. */
export async function measureDispatch(clock: Clock, sheet: Sheet, dispatches: number): Promise<void> {
  const wakes: number[] = [];
  const hub = new Hub({
    functions: [nothing],
    clusterId: "bench",
    clock,
    random: Math.random,
    reporter: silentReporter,
    observe: (event) => {
      if (event.kind === "dispatched") wakes.push(event.wakeMs);
    },
    policy: defaultPolicy,
    ledger: memoryLedger(),
    scopesOf: (_view, connection) => [{ connection }],
    demand: { wanted: () => undefined, unwanted: () => undefined },
    bundleOf: () => "1",
    dispatch: true,
    runner: {
      run: ({ items, attempt, lookup }) =>
        Promise.resolve({
          token: attempt.token,
          outcomes: new Map(
            items.map(({ object }) => [lookup.get(widgetView, object)?.meta.uid ?? "", done()]),
          ),
          written: [],
        }),
    },
  });
  await hub.start();
  hub.receive(widgetView, SCOPE, { type: "relist", reason: "start" });
  hub.receive(widgetView, SCOPE, { type: "synced", resourceVersion: "1" });
  let version = 1;
  const change = (index: number): void =>
    hub.receive(widgetView, SCOPE, { type: "modified", object: widget(index, (version += 1)) });

  // One change at a time, as it is most of the day: from the delta to the handler.
  const single = Math.min(2_000, dispatches);
  for (let index = 0; index < single; index += 1) {
    change(index);
    while (wakes.length <= index) await nextTurn();
  }
  const alone = wakes.splice(0);
  sheet.measured({
    id: "wake/hub/p50",
    what: "delta -> handler entered, hub alone, p50",
    unit: "ms",
    value: quantile(alone, 0.5),
    target: 1,
  });
  sheet.measured({
    id: "wake/hub/p99",
    what: "delta -> handler entered, hub alone, p99",
    unit: "ms",
    value: quantile(alone, 0.99),
    target: 10,
  });

  // As many as the core can do; no object runs often enough to be slowed down.
  const objects = Math.ceil(dispatches / 10);
  const before = process.cpuUsage();
  const begunAt = performance.now();
  for (let index = 0; index < dispatches; index += 1) {
    change(single + (index % objects));
    if (index % 64 === 63) await nextTurn();
  }
  while (wakes.length < dispatches) await nextTurn();
  const { user, system } = process.cpuUsage(before);
  const wallS = (performance.now() - begunAt) / 1000;
  sheet.measured({
    id: "dispatch/rate",
    what: "dispatches per second of one core, steps that do nothing",
    unit: "1/s",
    value: dispatches / ((user + system) / 1e6),
    target: 5_000,
    atLeast: true,
    note: `${dispatches} dispatches in ${wallS.toFixed(2)} s`,
  });
  await hub.stop();
}

function widget(index: number, version: number): KubeObject {
  const name = `widget-${index}`;
  return {
    apiVersion: "bench.dev/v1",
    kind: "Widget",
    metadata: { name, namespace: "default", uid: `uid-${name}`, resourceVersion: String(version) },
    spec: { want: version },
  };
}
