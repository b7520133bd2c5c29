import { describe, expect, it } from "vitest";
import {
  BroadcastLane,
  ReceiverTrouble,
  RefusedMessage,
  type LaneLimits,
} from "#events/transport/broadcast/lane.ts";
import { messageOf, type BroadcastMessage } from "#events/transport/broadcast/message.ts";
import { FakeClock, settle } from "#test/support/fake-clock.ts";
import { widgetView } from "#test/support/hub-bench.ts";

function message(key: string, n: number): BroadcastMessage {
  return { attributes: { id: `${key}${n}` }, partitionKey: key, path: [], body: "{}" };
}

/** A lane into a sink whose answers a test gives by hand. */
function bench(limits: Partial<LaneLimits> = {}) {
  const clock = new FakeClock();
  const sends: { id: string; end: (error?: Error) => Promise<void> }[] = [];
  const counts = { sent: 0, dropped: 0, refused: 0 };
  const lane = new BroadcastLane({
    sink: {
      send: ({ attributes }) =>
        new Promise((resolve, reject) => {
          sends.push({
            id: attributes["id"] ?? "",
            end: async (error) => {
              if (error === undefined) resolve();
              else reject(error);
              await settle();
            },
          });
        }),
      close: () => Promise.resolve(),
    },
    clock,
    random: () => 0.5,
    count: (result) => (counts[result] += 1),
    trouble: () => undefined,
    limits,
  });
  return { clock, lane, sends, counts, ids: () => sends.map(({ id }) => id) };
}

describe("the broadcast lane", () => {
  it("sends those of one key one after the other, and others beside them", async () => {
    const { lane, sends, ids } = bench();
    for (const [key, n] of [
      ["a", 1],
      ["a", 2],
      ["b", 1],
    ] as const)
      lane.push(message(key, n));
    expect(ids()).toEqual(["a1", "b1"]);
    await sends[0]!.end();
    expect(ids()).toEqual(["a1", "b1", "a2"]);
  });

  it("sends again what failed, before what came later, after a pause that doubles", async () => {
    const { clock, lane, sends, ids } = bench({ firstPauseMs: 100 });
    lane.push(message("a", 1));
    lane.push(message("a", 2));
    await sends[0]!.end(new Error("down"));
    await clock.advance(74);
    expect(ids()).toEqual(["a1"]);
    await clock.advance(1);
    await sends[1]!.end(new Error("down"));
    await clock.advance(149);
    expect(ids()).toEqual(["a1", "a1"]);
    await clock.advance(1);
    await sends[2]!.end();
    expect(ids()).toEqual(["a1", "a1", "a1", "a2"]);
  });

  it("waits as long as the receiver asks", async () => {
    const { clock, lane, sends, ids } = bench();
    lane.push(message("a", 1));
    await sends[0]!.end(new ReceiverTrouble("busy", 60_000));
    await clock.advance(59_999);
    expect(ids()).toEqual(["a1"]);
    await clock.advance(1);
    expect(ids()).toEqual(["a1", "a1"]);
  });

  it("drops the oldest that is not on its way when there are too many, and counts", () => {
    const { lane, counts } = bench({ messages: 3, inFlight: 1 });
    for (let n = 1; n <= 10; n += 1) lane.push(message("a", n));
    expect(lane.buffered).toBe(3);
    expect(counts.dropped).toBe(7);
  });

  it("drops the oldest when they are too many bytes", () => {
    const { lane, counts } = bench({ bytes: 1_000, inFlight: 1 });
    lane.push(message("a", 1));
    for (let n = 2; n <= 4; n += 1) lane.push({ ...message("a", n), body: "x".repeat(400) });
    expect(lane.buffered).toBe(3);
    expect(counts.dropped).toBe(1);
  });

  it("goes on without one that the receiver refuses", async () => {
    const { lane, sends, counts, ids } = bench();
    lane.push(message("a", 1));
    lane.push(message("a", 2));
    await sends[0]!.end(new RefusedMessage("too large"));
    expect(ids()).toEqual(["a1", "a2"]);
    expect(counts).toMatchObject({ refused: 1, dropped: 0 });
  });

  it("ends in its time though the receiver never answers", async () => {
    const { clock, lane } = bench();
    lane.push(message("a", 1));
    const closed = lane.close(2_000);
    await clock.advance(2_000);
    await closed;
    lane.push(message("a", 2));
    expect(lane.buffered).toBe(1);
  });
});

describe("what observers are told", () => {
  const subject = {
    type: widgetView.type,
    ref: { connection: "management", namespace: "demo", name: "w.1", uid: "u" },
  };
  const cause = {
    id: "u/7",
    type: "dev.capfn.machine.changed",
    source: "/clusters/management/x",
    time: "2026-11-21T12:00:00.000Z",
  } as const;

  it("of a step is what it came to, because of what, and under which key", () => {
    const told = messageOf(
      {
        kind: "outcome",
        function: "vm-create",
        key: "widgets/u",
        object: "management|widgets|demo/w.1",
        subject,
        outcome: "waitFor",
        reason: "NoAddress",
        cause,
        writes: [{ verb: "patch", connection: "management", resource: "widgets/status", name: "w.1" }],
        durationMs: 12.34,
        attempt: "7.1",
      },
      "/clusters/management",
      0,
    );
    expect(told).toMatchObject({
      attributes: {
        id: "vm-create/7.1/u",
        type: "dev.capfn.step.ended",
        source: "/clusters/management/functions/vm-create",
        subject: "namespaces/demo/widgets/w.1",
        causationid: "u/7",
        partitionkey: "widgets/u",
      },
      path: ["step", "ended", "demo", "w.1"],
    });
    expect(JSON.parse(told?.body ?? "")).toMatchObject({
      outcome: "waitFor",
      reason: "NoAddress",
      durationMs: 12.3,
    });
  });

  it("of the hub's own doings that are no events is nothing", () => {
    const relisted = { kind: "relisted", collection: "management|widgets|*", reason: "start" } as const;
    expect(messageOf(relisted, "/clusters/management", 0)).toBeUndefined();
  });
});
