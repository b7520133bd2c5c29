import { execFile } from "node:child_process";
import { describe, expect, it } from "vitest";

/** In a process of its own, because vitest itself listens for such rejections. Prints how each of two attempts side by side ended. */
const script = (contained: boolean) => `
import { inProcessRunner } from "#events/transport/in-process.ts";
import { containStrays } from "#platform/process/stray-rejections.ts";
import { hubBench, widget, widgetFunction } from "#test/support/hub-bench.ts";
import { done } from "#functions/contract/outcome.ts";
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const fail = async () => { await pause(1); throw new RangeError("forgotten"); };
const handle = async ({ object }) => {
  if (object.meta.name === "one") void fail();
  await pause(30);
  if (object.meta.name === "late") void fail();
  return done();
};
const told = [];
const world = { management: () => ({ connection: "management" }), clock: { now: () => 0 } };
const contain = ${contained} ? containStrays(process, (error) => told.push(error.name)) : undefined;
const bench = hubBench({ functions: [widgetFunction({ handle })], runner: inProcessRunner(world, { contain }) });
await bench.list(...["one", "two", "late"].map((name, n) => widget({ name, version: String(n + 1) })));
await pause(100);
const ended = bench.events.filter(({ kind }) => kind === "outcome");
console.log(JSON.stringify({ told, ended: ended.map(({ object, outcome }) => object.slice(-4) + " " + outcome) }));
if (${contained}) void fail();
await pause(30);
console.log("still there");
`;

function play(contained: boolean): Promise<{ code: number; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    const child = execFile(
      process.execPath,
      ["--input-type=module", "-e", script(contained)],
      (error, stdout, stderr) =>
        resolve({ code: error === null ? 0 : (child.exitCode ?? 1), stdout, stderr }),
    );
  });
}

describe("a rejection nobody awaits", { timeout: 30_000 }, () => {
  it("of a step is a fault of its own attempt; one of nobody ends the process, as ever", async () => {
    const { code, stdout, stderr } = await play(true);
    expect(JSON.parse(stdout)).toEqual({
      told: ["RangeError", "RangeError"],
      ended: ["/one fault", "/two done", "late done"],
    });
    expect(code).toBe(1);
    expect(stderr).toContain("forgotten");
  });

  it("of a step would end the process otherwise", async () => {
    const { code, stdout } = await play(false);
    expect([code, stdout]).toEqual([1, ""]);
  });
});
