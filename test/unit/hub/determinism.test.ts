import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { done, failed, requeueAfter } from "#functions/contract/outcome.ts";
import { settle } from "#test/support/fake-clock.ts";
import { hubBench, part, partView, widget, widgetFunction, widgetView } from "#test/support/hub-bench.ts";

const name = fc.constantFrom("a", "b", "c", "d");
const step = fc.oneof(
  fc.record({
    do: fc.constant("widget" as const),
    name,
    want: fc.nat({ max: 3 }),
    part: fc.constantFrom("p", "q"),
  }),
  fc.record({ do: fc.constant("part" as const), name: fc.constantFrom("p", "q"), size: fc.nat({ max: 3 }) }),
  fc.record({ do: fc.constant("lose" as const), name }),
  fc.record({ do: fc.constant("relist" as const), names: fc.uniqueArray(name) }),
  fc.record({ do: fc.constant("answer" as const), how: fc.constantFrom("done", "later", "failed", "fault") }),
  fc.record({ do: fc.constant("time" as const), ms: fc.constantFrom(1, 900, 45_000, 4_000_000) }),
);
type Script = readonly (typeof step extends fc.Arbitrary<infer T> ? T : never)[];

/** Everything the hub says happened while it lived through the script. */
async function live(script: Script): Promise<string[]> {
  let seed = 7;
  const random = () => ((seed = (seed * 16_807) % 2_147_483_647) - 1) / 2_147_483_646;
  const bench = hubBench({
    random,
    functions: [
      widgetFunction({ name: "x" }),
      widgetFunction({ name: "y", key: ({ object }) => `want/${object.spec.want}` }),
    ],
  });
  await bench.list();
  const answers = {
    done: done(),
    later: requeueAfter(800, "Later"),
    failed: failed("Broken", "broken"),
    fault: { fault: new Error("no") },
  };
  let answered = 0;
  for (const each of script) {
    if (each.do === "widget") await bench.see(widget({ ...each, version: bench.next() }));
    else if (each.do === "part") await bench.see(part({ ...each, version: bench.next() }));
    else if (each.do === "lose") await bench.lose(widget({ ...each, version: bench.next() }));
    else if (each.do === "time") await bench.clock.advance(each.ms);
    else if (each.do === "answer") await bench.runs[answered++]?.answer(answers[each.how]);
    else {
      const scope = { connection: "management" };
      bench.hub.receive(widgetView, scope, { type: "relist", reason: "expired" });
      for (const listed of each.names)
        bench.hub.receive(widgetView, scope, {
          type: "added",
          object: widget({ name: listed, version: bench.next() }),
        });
      bench.hub.receive(widgetView, scope, { type: "synced", resourceVersion: bench.next() });
      bench.hub.receive(partView, scope, { type: "bookmark", resourceVersion: bench.next() });
      await settle();
    }
  }
  return [...bench.events.map((event) => JSON.stringify(event)), JSON.stringify(bench.hub.figures())];
}

describe("the hub", () => {
  it("does the same twice when the same happens to it twice", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 30 }), async (script) => {
        expect(await live(script)).toEqual(await live(script));
      }),
      { numRuns: 60 },
    );
  }, 60_000);
});
