import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { WorkQueue } from "#events/hub/work-queue.ts";

const drain = (queue: WorkQueue): string[] => {
  const taken: string[] = [];
  for (let next = queue.take(); next !== undefined; next = queue.take()) taken.push(next.id);
  return taken;
};

describe("the line", () => {
  it("serves first come, first served, and equal ranks in the order in which they came", () => {
    const queue = new WorkQueue();
    for (const [id, rank] of [
      ["c", 30],
      ["a", 10],
      ["b1", 20],
      ["b2", 20],
    ] as const)
      queue.add({ id, key: id, rank });
    expect(drain(queue)).toEqual(["a", "b1", "b2", "c"]);
  });

  it("puts low priority later in the same line, where it grows older and is served before what comes later", () => {
    const queue = new WorkQueue();
    queue.add({ id: "low", key: "low", rank: 0 + 30_000 });
    for (let at = 1_000; at <= 60_000; at += 1_000) queue.add({ id: `urgent-${at}`, key: `${at}`, rank: at });
    expect(drain(queue).indexOf("low")).toBe(29);
  });

  it("keeps one place per item: the earlier one, also when it is asked for again later", () => {
    const queue = new WorkQueue();
    queue.add({ id: "a", key: "a", rank: 10 });
    queue.add({ id: "b", key: "b", rank: 20 });
    queue.add({ id: "a", key: "a", rank: 30 });
    expect(drain(queue)).toEqual(["a", "b"]);
    queue.add({ id: "c", key: "c", rank: 30_000 });
    queue.add({ id: "d", key: "d", rank: 20 });
    queue.add({ id: "c", key: "c", rank: 10 });
    expect(drain(queue)).toEqual(["c", "d"]);
  });

  it("lets items of a busy key step aside, so that they hold up nobody [T3]", () => {
    const queue = new WorkQueue();
    for (let n = 0; n < 1_000; n += 1) queue.add({ id: `held-${n}`, key: "busy", rank: n });
    expect(queue.take()?.id).toBe("held-0");
    queue.add({ id: "other", key: "free", rank: 5_000 });
    expect(queue.take()?.id).toBe("other");
    expect(queue.take()).toBeUndefined();
    queue.release("busy");
    expect(queue.take()?.id).toBe("held-1");
  });

  it("hands a whole key over in line order, and leaves in line what does not belong to it", () => {
    const queue = new WorkQueue();
    for (const [id, rank] of [
      ["a1", 3],
      ["a2", 1],
      ["b1", 2],
      ["a3", 4],
    ] as const)
      queue.add({ id, key: "pool", rank });
    expect(queue.take()?.id).toBe("a2");
    expect(queue.takeAll("pool", (id) => id.startsWith("a")).map(({ id }) => id)).toEqual(["a1", "a3"]);
    queue.release("pool");
    expect(drain(queue)).toEqual(["b1"]);
  });

  it("keeps what waits at a gate in its place, and lets it in again in the order in which it came", () => {
    const queue = new WorkQueue();
    for (const id of ["a", "b", "c"]) queue.add({ id, key: id, rank: 1 });
    for (let next = queue.take(); next !== undefined; next = queue.take()) queue.hold(next, "harvester/x");
    expect(queue).toMatchObject({ length: 3, inFlight: 0 });
    expect(queue.openGate("harvester/x", 2)).toBe(2);
    expect(drain(queue)).toEqual(["a", "b"]);
    queue.remove("c");
    expect(queue.openGate("harvester/x", 2)).toBe(1);
    expect(queue.take()).toBeUndefined();
  });

  it("survives 10,000 items that are queued, moved and taken away again and again, and stays small [T3]", () => {
    const queue = new WorkQueue();
    for (let round = 0; round < 20; round += 1) {
      for (let n = 0; n < 10_000; n += 1) queue.add({ id: `i${n}`, key: `k${(n + round) % 100}`, rank: n });
      for (let n = 0; n < 10_000; n += 2) queue.remove(`i${n}`);
    }
    const served: string[] = [];
    for (let next = queue.take(); next !== undefined; next = queue.take()) {
      served.push(next.id);
      queue.release(next.key);
    }
    expect(served).toHaveLength(5_000);
    expect(new Set(served).size).toBe(5_000);
    expect(queue).toMatchObject({ length: 0, inFlight: 0 });
  });

  it("never runs a key twice at once, and neither loses nor doubles an item, whatever happens in whatever order", () => {
    const id = fc.integer({ min: 0, max: 7 });
    const key = fc.integer({ min: 0, max: 3 });
    const step = fc.oneof(
      fc.record({ kind: fc.constant("add" as const), id, key, rank: fc.nat({ max: 20 }) }),
      fc.record({ kind: fc.constant("remove" as const), id }),
      fc.record({ kind: fc.constant("take" as const), hold: fc.boolean() }),
      fc.record({ kind: fc.constant("release" as const), at: fc.nat({ max: 7 }) }),
      fc.record({ kind: fc.constant("open" as const), count: fc.nat({ max: 3 }) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const queue = new WorkQueue();
        const wanted = new Map<string, { key: string; rank: number }>();
        const running: { id: string; key: string }[] = [];
        for (const each of steps) {
          if (each.kind === "add") {
            const item = { id: `i${each.id}`, key: `k${each.key}`, rank: each.rank };
            const known = wanted.get(item.id);
            if (known?.key !== item.key || item.rank < known.rank) wanted.set(item.id, item);
            queue.add(item);
          } else if (each.kind === "remove") {
            wanted.delete(`i${each.id}`);
            queue.remove(`i${each.id}`);
          } else if (each.kind === "take") {
            const next = queue.take();
            if (next === undefined) continue;
            expect(running.some(({ key: busy }) => busy === next.key)).toBe(false);
            expect(wanted.get(next.id)?.key).toBe(next.key);
            if (each.hold) queue.hold(next, "gate");
            else {
              wanted.delete(next.id);
              running.push(next);
            }
          } else if (each.kind === "open") queue.openGate("gate", each.count);
          else {
            const [ended] = running.splice(each.at % Math.max(1, running.length), 1);
            if (ended !== undefined) queue.release(ended.key);
          }
          expect(queue.length).toBe(wanted.size);
        }
        for (const { key: busy } of running) queue.release(busy);
        const rest: string[] = [];
        queue.openGate("gate", 100);
        for (let next = queue.take(); next !== undefined; next = queue.take()) {
          rest.push(next.id);
          queue.release(next.key);
        }
        expect(rest.toSorted()).toEqual([...wanted.keys()].toSorted());
      }),
      { numRuns: 2_000 },
    );
  });
});
