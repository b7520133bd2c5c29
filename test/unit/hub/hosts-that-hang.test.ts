import { expect, it } from "vitest";
import { hubBench, widget, widgetFunction } from "#test/support/hub-bench.ts";

it("steps that call machines over SSH leave slots to all others, however many hosts hang", async () => {
  const over = (name: string, uses: readonly ("management" | "ssh")[]) =>
    widgetFunction({ name, uses, key: ({ object }) => `${name}/${object.meta.uid}` });
  const bench = hubBench({
    functions: [over("widget-log-in", ["management", "ssh"]), over("widget-make", ["management"])],
    policy: { maxInFlight: 8, maxInFlightPerServer: 3 },
  });
  const names = Array.from({ length: 20 }, (_, n) => `w-${n}`);
  await bench.list(...names.map((name) => widget({ name, uid: `uid-${name}`, version: "1", want: 1 })));
  const running = (name: string) => bench.runs.filter(({ dispatch }) => dispatch.function.name === name);
  expect(running("widget-log-in")).toHaveLength(3);
  expect(running("widget-make")).toHaveLength(5);
  for (let n = 0; n < 15; n += 1) await running("widget-make")[n]?.answer({ kind: "done" });
  expect(running("widget-make")).toHaveLength(20);
  expect(running("widget-log-in")).toHaveLength(3);
  await running("widget-log-in")[0]?.answer({ kind: "done" });
  expect(running("widget-log-in")).toHaveLength(4);
});
