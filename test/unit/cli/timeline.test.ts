import { expect, it } from "vitest";
import type { TracedStepAnswer } from "#cli/operator/trace-answer.ts";
import { renderTimeline } from "#cli/timeline.ts";

const step = (id: string, at: string, more: Partial<TracedStepAnswer> = {}): TracedStepAnswer => ({
  id,
  function: id.split("/")[0] ?? "",
  object: "management harvestermachines demo/a",
  at,
  durationMs: 12.4,
  outcome: "done",
  reason: "",
  causationid: "uid/7",
  cause: { type: "dev.capfn.machine.changed", source: "/x", time: "2026-11-21T12:00:00.000Z" },
  writes: [],
  writesLeftOut: 0,
  ...more,
});

it("a timeline begins with the event from outside, once, names the step behind each step, and has Events in their place", () => {
  const first = step("vm-create/1.1", "2026-11-21T12:00:00.300Z", {
    writes: [
      { verb: "create", api: "harvester/demo/id", resource: "secrets", namespace: "demo", name: "a" },
      { verb: "patch", api: "harvester/demo/id", resource: "ippools", name: "rack-1" },
    ],
    writesLeftOut: 3,
  });
  const beside = step("node-init/1.2", "2026-11-21T12:00:00.300Z", { outcome: "failed", reason: "Broken" });
  const second = step("machine-observe/1.3", "2026-11-21T12:00:02.000Z", {
    causedBy: first.id,
    causationid: "uid/8",
  });
  const lines = renderTimeline({
    steps: [first, beside, second],
    events: [{ at: "2026-11-21T12:00:01Z", type: "Warning", reason: "Broken", message: "it is broken" }],
  }).split("\n");
  expect(lines.map((line) => line.split(/ {2,}/))).toEqual([
    ["TIME", "WHAT", "OUTCOME", "TOOK", "BECAUSE OF", "WROTE"],
    ["2026-11-21T12:00:00.000Z", "dev.capfn.machine.changed", "uid/7"],
    [
      "2026-11-21T12:00:00.300Z",
      "vm-create/1.1",
      "done",
      "12 ms",
      "dev.capfn.machine.changed",
      "create secrets demo/a (harvester/demo/id), patch ippools rack-1 (harvester/demo/id), 3 more",
    ],
    ["2026-11-21T12:00:00.300Z", "node-init/1.2", "failed: Broken", "12 ms", "dev.capfn.machine.changed"],
    ["2026-11-21T12:00:01Z", "Event Broken", "Warning: it is broken"],
    ["2026-11-21T12:00:02.000Z", "machine-observe/1.3", "done", "12 ms", "vm-create/1.1"],
  ]);
});
