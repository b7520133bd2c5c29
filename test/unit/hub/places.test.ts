import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { done, place, requeueAfter, waitFor } from "#functions/contract/outcome.ts";
import type { KubeObject } from "#platform/kube/resource.ts";
import { hubBench, part, partView, widget, widgetFunction, widgetView } from "#test/support/hub-bench.ts";

const at = { connection: "management", namespace: "default", name: "shelf" };
const shelf = (version: string, size: number, colour?: string): KubeObject =>
  part({ name: "shelf", version, size, ...(colour !== undefined && { colour }) });

type Bench = ReturnType<typeof hubBench>;

/** Waits for a place of the shelf as the run was handed it. */
function waitForPlace({ dispatch }: Bench["runs"][number]) {
  const seen = dispatch.lookup.get(partView, at);
  if (seen === undefined) throw new Error("there is no shelf");
  return waitFor([place(partView, seen)], { timeoutMs: 3_600_000, reason: "NoPlace" });
}

const name = (run: Bench["runs"][number] | undefined) =>
  run?.dispatch.items.map(({ object }) => object.name).join(" ");

/** Three widgets that wait for a place of a full shelf, in this order. */
async function waiting() {
  const bench = hubBench();
  await bench.list(
    ...["x", "a", "m"].map((each, n) => widget({ name: each, version: String(n + 1) })),
    shelf("9", 0),
  );
  for (const run of bench.runs.slice()) await run.answer(waitForPlace(run));
  expect(bench.runs).toHaveLength(3);
  return { ...bench, later: () => bench.runs.slice(3).map(name) };
}

describe("those who wait for a place", () => {
  it("are not woken by a change that frees none, also when they are looked at for another reason", async () => {
    const bench = await waiting();
    await bench.see(shelf("101", -1));
    const cause = { id: "x/1", type: "dev.capfn.object.changed", source: "/test", time: "" } as const;
    bench.hub.hint(widgetView, { ...at, name: "x" }, cause);
    await bench.clock.advance(10_000);
    expect(bench.later()).toEqual([]);
    await bench.see(shelf("102", 1));
    expect(bench.later()).toEqual(["x"]);
  });

  it("are woken as many as there are places, first come first served", async () => {
    const bench = await waiting();
    await bench.see(shelf("101", 2));
    expect(bench.later()).toEqual(["x", "a"]);
    expect(bench.runs[3]?.dispatch.items[0]?.wait).toBe("fulfilled");
  });

  it("all get their turn a little later when those who were woken did not take the places", async () => {
    const bench = await waiting();
    await bench.see(shelf("101", 1));
    expect(bench.later()).toEqual(["x"]);
    await bench.lose(widget({ name: "x", version: "102" }));
    await bench.runs[3]?.answer(done());
    expect(bench.later()).toEqual(["x"]);
    await bench.clock.advance(1_000);
    expect(bench.later()).toEqual(["x", "a", "m"]);
  });

  it("are left in peace when the places were taken meanwhile", async () => {
    const bench = await waiting();
    await bench.see(shelf("101", 1));
    await bench.runs[3]?.answer({
      outcomes: new Map([["uid-x", done()]]),
      written: [
        { connection: "management", type: partView.type, object: shelf("102", 0) },
        {
          connection: "management",
          type: widgetView.type,
          object: widget({ name: "x", version: "103", want: 1, have: 1 }),
        },
      ],
    });
    await bench.clock.advance(10_000);
    expect(bench.later()).toEqual(["x"]);
  });

  it("are all woken when the terms change, and when the object is gone", async () => {
    const bench = await waiting();
    await bench.see(shelf("101", 0, "red"));
    expect(bench.later()).toEqual(["x", "a", "m"]);
    const again = await waiting();
    await again.lose(shelf("101", 0));
    expect(again.later()).toEqual(["x", "a", "m"]);
  });

  it("run at once when a place came free between their look and their wait", async () => {
    const bench = hubBench();
    await bench.list(widget({ version: "1" }), shelf("9", 0));
    const [run] = bench.runs;
    const outcome = waitForPlace(run!);
    await bench.see(shelf("101", 0));
    await bench.see(shelf("102", 1));
    await run!.answer(outcome);
    expect(bench.runs).toHaveLength(2);
  });

  it("wait on when the object changed between their look and their wait without a place", async () => {
    const bench = hubBench();
    await bench.list(widget({ version: "1" }), shelf("9", -1));
    const outcome = waitForPlace(bench.runs[0]!);
    await bench.see(shelf("101", 0));
    await bench.runs[0]?.answer(outcome);
    expect(bench.runs).toHaveLength(1);
    await bench.see(shelf("102", 1));
    expect(bench.runs).toHaveLength(2);
  });
});

const want = fc.constantFrom("w0", "w1", "w2", "w3", "w4", "w5");
const step = fc.oneof(
  fc.record({ do: fc.constant("grow" as const), by: fc.integer({ min: -1, max: 3 }) }),
  fc.record({ do: fc.constant("answer" as const), later: fc.boolean() }),
  fc.record({ do: fc.constant("content" as const), name: want }),
  fc.record({ do: fc.constant("want" as const), name: want }),
  fc.record({ do: fc.constant("lose" as const), name: want }),
  fc.record({ do: fc.constant("list" as const) }),
  fc.record({ do: fc.constant("terms" as const), colour: fc.constantFrom("red", "green") }),
  fc.record({ do: fc.constant("time" as const), ms: fc.constantFrom(1, 500, 1_000) }),
);

describe("a place that stays free", () => {
  it("means that nobody waits for it, whatever happened before", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), async (script) => {
        const bench = hubBench({ functions: [widgetFunction({ key: () => "shelf" })] });
        const wanting = new Map<string, boolean>();
        let free = 0;
        let colour: string | undefined;
        let answered = 0;
        const first = ["w0", "w1", "w2", "w3"];
        for (const each of first) wanting.set(each, true);
        await bench.list(
          ...first.map((each, n) => widget({ name: each, version: String(n + 1) })),
          shelf("9", 0),
        );
        const see = (each: string) =>
          bench.see(widget({ name: each, version: bench.next(), have: wanting.get(each) === true ? 0 : 1 }));
        /** One run takes a place if the shelf has one; what it writes the hub hears of at once. */
        const answer = async (later: boolean) => {
          const run = bench.runs[answered];
          if (run === undefined) return;
          answered += 1;
          const who = name(run) ?? "";
          const seen = run.dispatch.lookup.get(partView, at);
          if (later || !wanting.has(who)) await run.answer(requeueAfter(300, "Later"));
          else if (seen === undefined || free <= 0) await run.answer(waitForPlace(run));
          else {
            free -= 1;
            wanting.set(who, false);
            const written = [
              { type: partView.type, object: shelf(bench.next(), free, colour) },
              { type: widgetView.type, object: widget({ name: who, version: bench.next(), have: 1 }) },
            ].map((each) => ({ ...each, connection: "management" }));
            await run.answer({ outcomes: new Map([[`uid-${who}`, done()]]), written });
          }
        };
        while (answered < bench.runs.length) await answer(false);
        for (const each of script) {
          if (each.do === "grow") {
            free = Math.max(0, free + each.by);
            await bench.see(shelf(bench.next(), free, colour));
          } else if (each.do === "terms") {
            ({ colour } = each);
            await bench.see(shelf(bench.next(), free, colour));
          } else if (each.do === "list") {
            // A list that repeats what is known.
            const scope = { connection: "management" };
            const object = shelf(bench.next(), free, colour);
            bench.hub.receive(partView, scope, { type: "relist", reason: "expired" });
            bench.hub.receive(partView, scope, { type: "added", object });
            bench.hub.receive(partView, scope, { type: "synced", resourceVersion: bench.next() });
          } else if (each.do === "lose") {
            wanting.delete(each.name);
            await bench.lose(widget({ name: each.name, version: bench.next() }));
          } else if (each.do === "time") await bench.clock.advance(each.ms);
          else if (each.do === "answer") await answer(each.later);
          else {
            wanting.set(each.name, each.do === "want");
            await see(each.name);
          }
        }
        for (let round = 0; round < 40; round += 1) {
          while (answered < bench.runs.length) await answer(false);
          await bench.clock.advance(500);
        }
        expect(free === 0 || ![...wanting.values()].includes(true)).toBe(true);
      }),
      { numRuns: 200 },
    );
  }, 60_000);
});
