import { describe, expect, it } from "vitest";
import { done } from "#functions/contract/outcome.ts";
import type { KubeObject } from "#platform/kube/resource.ts";
import { hubBench, partView, widget, widgetFunction, widgetView } from "#test/support/hub-bench.ts";

/**
 * One object at an API server, one run over it that writes twice, and somebody else. Every order in which writes take effect, events arrive,
 * the run's answer returns and lists are made is played through.
 */
type Step =
  | "own" // The run writes `have`.
  | "return" // Its answer reaches the hub.
  | "foreign" // Somebody else changes `want`.
  | "noise" // Somebody else changes what nobody looks at.
  | "delete"
  | "recreate"
  | "event" // The next undelivered event arrives.
  | "relist"; // The stream breaks, events are lost, a complete list follows.

const scope = { connection: "management" };
const ref = { connection: "management", namespace: "default", name: "one" };

async function flush(): Promise<void> {
  for (let turn = 0; turn < 25; turn += 1) await Promise.resolve();
}

async function play(steps: readonly Step[]) {
  const fn = widgetFunction({
    needs: () => true,
    inputs: ({ object }) => ({ want: object.spec.want, have: object.status.have }),
  });
  const bench = hubBench({ functions: [fn] });
  const { hub } = bench;
  await hub.start();
  let version = 100;
  let now: KubeObject | undefined = widget({ version: "100", want: 1 });
  let pending: { type: "modified" | "deleted"; object: KubeObject }[] = [];
  const own: KubeObject[] = [];
  const snapshots: { uid: string; want: number }[] = [];
  let returned = false;
  let seenRuns = 0;

  const change = (fields: { want?: number; have?: number; uid?: string }) => {
    const before = now;
    now = widget({
      version: String((version += 1)),
      uid: fields.uid ?? before?.metadata.uid ?? "uid-one",
      want: fields.want ?? (before?.["spec"] as { want: number } | undefined)?.want ?? 0,
      have: fields.have ?? (before?.["status"] as { have?: number } | undefined)?.have,
    } as Parameters<typeof widget>[0]);
    pending.push({ type: "modified", object: now });
    return now;
  };
  const list = () => {
    pending = [];
    hub.receive(widgetView, scope, { type: "relist", reason: "expired" });
    if (now !== undefined) hub.receive(widgetView, scope, { type: "added", object: now });
    hub.receive(widgetView, scope, { type: "synced", resourceVersion: String(version) });
  };
  /** Every run but the first ends at once and writes nothing. */
  const watchRuns = async () => {
    await flush();
    for (; seenRuns < bench.runs.length; seenRuns += 1) {
      const { dispatch, answer } = bench.runs[seenRuns] ?? expect.fail();
      const seen = dispatch.lookup.get(widgetView, ref) ?? expect.fail();
      snapshots.push({ uid: seen.meta.uid, want: seen.spec.want });
      if (seenRuns > 0) {
        void answer(done());
        await flush();
      }
    }
  };

  list();
  hub.receive(partView, scope, { type: "relist", reason: "start" });
  hub.receive(partView, scope, { type: "synced", resourceVersion: "1" });
  await watchRuns();
  expect(bench.runs).toHaveLength(1);
  const act: Record<Step, () => void> = {
    own: () => {
      if (now?.metadata.uid === "uid-one") own.push(change({ have: own.length + 1 }));
    },
    return: () => {
      returned = true;
      const written = own.map((object) => ({ connection: "management", type: widgetView.type, object }));
      void bench.runs[0]?.answer({ outcomes: new Map([["uid-one", done()]]), written });
    },
    foreign: () => {
      const want = (now?.["spec"] as { want: number } | undefined)?.want ?? 0;
      if (now !== undefined) change({ want: want + 1 });
    },
    noise: () => {
      if (now !== undefined) change({});
    },
    delete: () => {
      if (now === undefined) return;
      const gone = { ...now, metadata: { ...now.metadata, resourceVersion: String((version += 1)) } };
      now = undefined;
      pending.push({ type: "deleted", object: gone });
    },
    recreate: () => void change({ want: 1, uid: "uid-new" }),
    event: () => {
      const next = pending.shift();
      if (next !== undefined) hub.receive(widgetView, scope, next);
    },
    relist: list,
  };
  for (const step of steps) {
    act[step]();
    await watchRuns();
  }
  while (pending.length > 0) {
    act.event();
    await watchRuns();
  }
  expect(returned).toBe(true);
  return { hub, now, runs: bench.runs.length, snapshots };
}

/** Every order in which the threads can interleave; events arrive only when one is due, the rest at the end. */
function* interleavings(
  threads: readonly (readonly Step[])[],
  events: number,
  pending = 0,
): Generator<Step[]> {
  if (threads.every((thread) => thread.length === 0)) {
    yield [];
    return;
  }
  for (const [at, thread] of threads.entries()) {
    const [step, ...rest] = thread;
    if (step === undefined) continue;
    const left = threads.with(at, rest);
    const due = step === "relist" ? 0 : step === "return" ? pending : pending + 1;
    for (const tail of interleavings(left, events, due)) yield [step, ...tail];
  }
  if (pending > 0 && events > 0)
    for (const tail of interleavings(threads, events - 1, pending - 1)) yield ["event", ...tail];
}

const ownRun: Step[] = ["own", "own", "return"];

async function everyOrder(
  others: readonly (readonly Step[])[],
  check: (end: Awaited<ReturnType<typeof play>>) => void,
  events = 4,
): Promise<number> {
  let count = 0;
  for (const steps of interleavings([ownRun, ...others], events)) {
    count += 1;
    const end = await play(steps);
    try {
      check(end);
      expect(end.hub.idle).toBe(true);
      const known = end.hub.index.get(widgetView, ref);
      expect(known?.meta.resourceVersion).toBe(end.now?.metadata.resourceVersion);
    } catch (error) {
      throw new Error(`after ${steps.join(", ")}: ${JSON.stringify(end.snapshots)}`, { cause: error });
    }
  }
  return count;
}

/** The last thing somebody else asked for has been handed to a step. */
function expectServed({ now, snapshots }: Awaited<ReturnType<typeof play>>): void {
  if (now === undefined) return;
  const want = (now["spec"] as { want: number }).want;
  expect(snapshots.at(-1)).toEqual({ uid: now.metadata.uid, want });
}

describe("own and foreign writes, in every order", () => {
  it("does not wake a step by its own writes [T4]", async () => {
    const orders = await everyOrder([], ({ runs }) => expect(runs).toBe(1));
    expect(orders).toBe(5);
  }, 60_000);

  it("does not wake a step by a change of what it does not look at, before, between or after its own writes [T4]", async () => {
    await everyOrder([["noise"]], ({ runs }) => expect(runs).toBe(1));
  }, 60_000);

  it("wakes a step by a foreign change before, between or after its own writes, and not for ever [T4]", async () => {
    const orders = await everyOrder([["foreign"]], (end) => {
      expectServed(end);
      expect(end.runs).toBeLessThanOrEqual(3);
    });
    expect(orders).toBeGreaterThan(50);
  }, 60_000);

  it("wakes a step by the last of two foreign changes [T4] [S6]", async () => {
    await everyOrder(
      [["foreign", "noise", "foreign"]],
      (end) => {
        expectServed(end);
        expect(end.runs).toBeLessThanOrEqual(5);
      },
      2,
    );
  }, 120_000);

  it("wakes a step by a foreign change whose event a relist swallowed [T4]", async () => {
    await everyOrder([["foreign"], ["relist"]], (end) => {
      expectServed(end);
      expect(end.runs).toBeLessThanOrEqual(4);
    });
  }, 120_000);

  it("looks at most once more because of a relist alone [T4]", async () => {
    await everyOrder([["relist"]], ({ runs }) => expect(runs).toBeLessThanOrEqual(2));
  }, 60_000);

  it("keeps no ghost of an object that was deleted, whichever news comes first or is lost [T4]", async () => {
    await everyOrder([["delete"], ["relist"]], ({ hub, runs }) => {
      expect(hub.figures().objects).toBe(0);
      expect(runs).toBeLessThanOrEqual(2);
    });
  }, 120_000);

  it("serves the namesake of a deleted object as the new object it is [T4] [S1]", async () => {
    await everyOrder([["delete", "recreate"]], expectServed);
    await everyOrder([["delete", "recreate"], ["relist"]], expectServed, 2);
  }, 120_000);

  it("keeps nothing in memory of writes whose news has come [T4]", async () => {
    await everyOrder([["foreign", "delete"]], ({ hub }) => expect(hub.figures().objects).toBe(0));
  }, 120_000);
});
