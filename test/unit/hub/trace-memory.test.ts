import { describe, expect, it } from "vitest";
import type { HubEvent } from "#events/hub/observer.ts";
import { TraceMemory } from "#events/hub/trace-memory.ts";
import type { WriteNote } from "#events/transport/runner.ts";
import { done } from "#functions/contract/outcome.ts";
import { FakeClock } from "#test/support/fake-clock.ts";
import { defineBatchFunction } from "#functions/contract/define.ts";
import {
  hubBench,
  part,
  partView,
  widget,
  widgetFunction,
  widgetRelations,
  widgetView,
} from "#test/support/hub-bench.ts";

type OutcomeEvent = Extract<HubEvent, { kind: "outcome" }>;

const object = (name: string) => `management|widgets.test.dev|default/${name}`;

function outcome(name: string, n: number, more: Partial<OutcomeEvent> = {}): OutcomeEvent {
  return {
    kind: "outcome",
    function: "widget-make",
    key: `widgets/uid-${name}`,
    object: object(name),
    subject: { type: widgetView.type, ref: { connection: "management", namespace: "default", name } },
    outcome: "done",
    reason: "",
    cause: {
      id: `uid-${name}/${n}`,
      type: "dev.capfn.machine.changed",
      source: "/clusters/management/apis/infrastructure.cluster.x-k8s.io/v1beta1/harvestermachines",
      time: "2026-11-21T12:00:00.000Z",
    },
    writes: [],
    durationMs: 12.5,
    attempt: `1795000000.${n}`,
    ...more,
  };
}

const write = (eventId: string, verb = "patch"): WriteNote => ({
  verb,
  connection: "management",
  resource: "widgets",
  namespace: "default",
  name: "a-name-of-some-length-as-machines-have",
  eventId,
});

describe("the memory of what ran", () => {
  it("keeps the last runs of each object, and forgets first where nothing happened for the longest time", () => {
    const memory = new TraceMemory(new FakeClock());
    for (let n = 0; n < 100; n += 1) memory.record(outcome("busy", n));
    expect(memory.of(object("busy"))).toHaveLength(32);
    expect(memory.of(object("busy")).at(-1)?.id).toBe("widget-make/1795000000.99");
    memory.record(outcome("quiet", 1));
    const fill = (characters: number, name: string) => {
      for (let n = 0, until = memory.size + characters; memory.size < until; n += 1)
        memory.record(outcome(`${name}${n}`, n));
    };
    fill(850_000, "w");
    expect([memory.of(object("busy")).length, memory.of(object("quiet")).length]).toEqual([32, 1]);
    memory.record(outcome("busy", 100));
    fill(1_000_000 - 1_000 - memory.size, "v");
    for (let n = 0; n < 10; n += 1) memory.record(outcome(`u${n}`, n));
    expect([memory.of(object("busy")).length, memory.of(object("quiet")).length]).toEqual([32, 0]);
  });

  it("stays small, whatever happens", () => {
    const memory = new TraceMemory(new FakeClock());
    const writes = Array.from({ length: 50 }, (_, n) => write(`0f0e7d3c-5c0e-4c57-8f7d-${n}/123456`));
    const reason = "x".repeat(10_000);
    let largest = 0;
    for (let n = 0; n < 20_000; n += 1) {
      memory.record(
        outcome(`machine-${n % 20_000}`, n, { writes: n % 10 === 0 ? writes : writes.slice(0, 2), reason }),
      );
      largest = Math.max(largest, memory.size);
    }
    expect(largest).toBeLessThanOrEqual(1_000_000);
    const last = Array.from({ length: 20 }, (_, n) => memory.of(object(`machine-${19_999 - n}`))).flat();
    const long = last.find(({ writesLeftOut }) => writesLeftOut > 0);
    expect([long?.writes.length, long?.writesLeftOut, long?.reason.length]).toEqual([12, 38, 200]);
  });

  it("knows nothing of objects at which nothing happened", () => {
    const memory = new TraceMemory(new FakeClock());
    expect([memory.size, memory.of(object("one"))]).toEqual([0, []]);
  });

  it("lays a step to the step whose write woke it, also one of another object, back to what came from outside", async () => {
    const clock = new FakeClock();
    const memory = new TraceMemory(clock);
    memory.record(outcome("cluster", 1, { function: "cluster-ready", writes: [write("uid-cluster/20")] }));
    await clock.advance(5);
    const cause = { ...outcome("x", 1).cause, id: "uid-cluster/20" };
    memory.record(outcome("one", 2, { cause, writes: [write("uid-vm/30", "create")] }));
    await clock.advance(5);
    memory.record(outcome("one", 3, { function: "observe", cause: { ...cause, id: "uid-vm/30" } }));
    memory.record(outcome("other", 4));
    expect(memory.of(object("one")).map(({ id, causedBy }) => [id, causedBy])).toEqual([
      ["cluster-ready/1795000000.1", undefined],
      ["widget-make/1795000000.2", "cluster-ready/1795000000.1"],
      ["observe/1795000000.3", "widget-make/1795000000.2"],
    ]);
  });

  it("lays the end of an object to whoever had it deleted", () => {
    const memory = new TraceMemory(new FakeClock());
    memory.record(outcome("one", 1, { function: "vm-delete", writes: [write("uid-vm/", "delete")] }));
    const cause = {
      ...outcome("x", 1).cause,
      id: "uid-vm/77/deleted",
      type: "dev.capfn.vm.deleted" as const,
    };
    memory.record(outcome("one", 2, { function: "vm-delete", cause }));
    expect(memory.of(object("one")).at(-1)?.causedBy).toBe("vm-delete/1795000000.1");
  });
});

describe("what the hub says of a run", () => {
  const scope = { connection: "management" };

  it("names the cause it was started for, not one that came meanwhile", async () => {
    const bench = hubBench();
    await bench.list(widget({ version: "1" }));
    await bench.see(widget({ version: "101", want: 2 }));
    await bench.runs[0]?.answer(done());
    await bench.runs[1]?.answer(done());
    const causes = bench.events.flatMap((event) => (event.kind === "outcome" ? [event.cause.id] : []));
    expect(causes).toEqual(["uid-one/1", "uid-one/101"]);
  });

  it("has the write of one function as the cause of the next, before the watch tells", async () => {
    const makes = widgetFunction({ name: "makes" });
    const follows = widgetFunction({
      name: "follows",
      needs: ({ object: { status } }) => status.have === 7,
      inputs: ({ object: { status } }) => status.have,
    });
    const bench = hubBench({ functions: [makes, follows] });
    await bench.list(widget({ version: "1", want: 7 }));
    const written = widget({ version: "105", want: 7, have: 7 });
    await bench.runs[0]?.answer({
      outcomes: new Map([["uid-one", done()]]),
      written: [{ connection: "management", type: widgetView.type, object: written }],
      writes: [write("uid-one/105")],
    });
    await bench.runs[1]?.answer(done());
    const memory = new TraceMemory(new FakeClock());
    for (const event of bench.events) memory.record(event);
    expect(memory.of(object("one")).map(({ function: fn, causedBy }) => [fn, causedBy])).toEqual([
      ["makes", undefined],
      ["follows", bench.runs[0] && `makes/${bench.runs[0].dispatch.attempt.token}`],
    ]);
  });

  it("leaves out of a batch's writes those to its other items", async () => {
    const batch = defineBatchFunction({
      name: "batch",
      summary: "Serves all Widgets at once",
      on: ["dev.capfn.object.changed"],
      for: widgetView,
      related: widgetRelations,
      key: () => "all",
      needs: ({ object: seen }) => seen.spec.want !== seen.status.have,
      inputs: ({ object: seen }) => seen.spec.want,
      condition: "Made",
      rbac: [],
      uses: ["management"],
      handleBatch: () => Promise.resolve(new Map()),
    });
    const bench = hubBench({ functions: [batch] });
    await bench.hub.start();
    for (const view of [partView, widgetView]) {
      bench.hub.receive(view, scope, { type: "relist", reason: "start" });
      for (const name of view === widgetView ? ["a", "b"] : [])
        bench.hub.receive(view, scope, { type: "added", object: widget({ name, version: "1" }) });
      if (view === partView)
        bench.hub.receive(view, scope, { type: "added", object: part({ version: "1", size: 1 }) });
      bench.hub.receive(view, scope, { type: "synced", resourceVersion: "100" });
    }
    await bench.clock.advance(0);
    await bench.runs[0]?.answer({
      outcomes: new Map(["uid-a", "uid-b"].map((uid) => [uid, done()])),
      writes: [write("uid-part/9"), write("uid-a/10"), write("uid-b/11")],
    });
    const writes = bench.events.flatMap((event) =>
      event.kind === "outcome" ? [[event.object, event.writes.map(({ eventId }) => eventId)]] : [],
    );
    expect(writes).toEqual([
      [object("a"), ["uid-part/9", "uid-a/10"]],
      [object("b"), ["uid-part/9", "uid-b/11"]],
    ]);
  });
});
