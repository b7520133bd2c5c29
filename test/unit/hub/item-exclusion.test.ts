import { expect, it } from "vitest";
import { done } from "#functions/contract/outcome.ts";
import { hubBench, widget, widgetFunction } from "#test/support/hub-bench.ts";

it("does not run an item a second time while it runs, even if its key has changed meanwhile", async () => {
  const bench = hubBench({
    functions: [widgetFunction({ key: ({ object }) => `pool/${object.spec.want}` })],
  });
  await bench.list(widget({ version: "1", want: 1 }));
  await bench.see(widget({ version: "101", want: 2 }));
  expect(bench.runs.map(({ dispatch }) => dispatch.key)).toEqual(["pool/1"]);

  await bench.runs[0]?.answer(done());
  expect(bench.runs.map(({ dispatch }) => dispatch.key)).toEqual(["pool/1", "pool/2"]);
});
