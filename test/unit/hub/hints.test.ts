import { describe, expect, it } from "vitest";
import type { Cause } from "#functions/contract/function.ts";
import { done } from "#functions/contract/outcome.ts";
import { relations } from "#functions/contract/relations.ts";
import { MANAGEMENT } from "#platform/kube/view.ts";
import { settle } from "#test/support/fake-clock.ts";
import { hubBench, part, partView, widget, widgetFunction, widgetView } from "#test/support/hub-bench.ts";

const cause: Cause = { id: "7", type: "dev.capfn.alert.firing", source: "/s", time: "2026-11-21T12:00:00Z" };
const at = (name: string) => ({ connection: MANAGEMENT, namespace: "default", name });
const objects = [
  widget({ name: "a", version: "10", part: "p" }),
  part({ name: "p", version: "11", size: 1 }),
];

/** Has work whenever the test says so: what the API servers cannot tell. */
function hinted() {
  const work = { due: false };
  const fn = widgetFunction({
    needs: () => work.due,
    inputs: () => ({ due: work.due }),
  });
  return { work, bench: hubBench({ functions: [fn] }) };
}

/** A run for b is under way; another function has work with a whenever the test says so. */
async function oneMakesOneWatches() {
  const work = { due: false };
  const first = widgetFunction({ needs: ({ object }) => object.meta.name === "b" });
  const second = widgetFunction({
    name: "widget-watch",
    needs: ({ object }) => object.meta.name === "a" && work.due,
  });
  const bench = hubBench({ functions: [first, second] });
  await bench.list(...objects, widget({ name: "b", version: "12" }));
  return { work, bench };
}

describe("a hint", () => {
  it("makes the object's predicates be asked, and its cause is that of the run", async () => {
    const { work, bench } = hinted();
    await bench.list(...objects);
    work.due = true;
    bench.hub.hint(widgetView, at("a"), cause);
    await settle();
    expect(bench.runs.map(({ dispatch }) => dispatch.items[0]?.cause)).toEqual([cause]);
  });

  it("at an object others look at makes them be asked", async () => {
    const { work, bench } = hinted();
    await bench.list(...objects);
    work.due = true;
    bench.hub.hint(partView, at("p"), cause);
    await settle();
    expect(bench.runs).toHaveLength(1);
  });

  it("at an object others find by an index makes them be asked", async () => {
    const work = { due: false };
    const bySize = relations(widgetView).matching("part", partView, () => [
      { connection: MANAGEMENT, index: "size", value: "1" },
    ]);
    const fn = widgetFunction({ needs: () => work.due, inputs: () => work.due, related: bySize as never });
    const bench = hubBench({ functions: [fn] });
    await bench.list(...objects);
    work.due = true;
    bench.hub.hint(partView, at("p"), cause);
    await settle();
    expect(bench.runs).toHaveLength(1);
  });

  it("runs nothing where there is no work, however often it comes", async () => {
    const { bench } = hinted();
    await bench.list(...objects);
    for (let n = 0; n < 100; n += 1) bench.hub.hint(widgetView, at("a"), cause);
    await settle();
    expect(bench.runs).toEqual([]);
  });

  it("at an object nobody knows does nothing", async () => {
    const { work, bench } = hinted();
    await bench.list(...objects);
    work.due = true;
    bench.hub.hint(widgetView, at("nobody"), cause);
    bench.hub.hint(partView, at("nobody"), cause);
    await settle();
    expect(bench.runs).toEqual([]);
    expect(bench.hub.idle).toBe(true);
  });

  it("comes from an outcome that says what its event is about", async () => {
    const { work, bench } = await oneMakesOneWatches();
    expect(bench.runs.map(({ dispatch }) => dispatch.function.name)).toEqual(["widget-make"]);
    work.due = true;
    const target = { type: widgetView.type, ref: at("a") };
    await bench.runs[0]?.answer(done([{ type: "dev.capfn.machine.changed", data: {}, target }]));
    expect(bench.runs[1]?.dispatch).toMatchObject({
      function: { name: "widget-watch" },
      items: [
        { cause: { type: "dev.capfn.machine.changed", source: "/clusters/test/functions/widget-make" } },
      ],
    });
  });

  it("does not come from an outcome whose event is not in the catalogue", async () => {
    const { work, bench } = await oneMakesOneWatches();
    work.due = true;
    const target = { type: widgetView.type, ref: at("a") };
    await bench.runs[0]?.answer(done([{ type: "com.example.x", data: {}, target }]));
    expect(bench.runs).toHaveLength(1);
  });
});
