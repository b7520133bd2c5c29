import { describe, expect, it } from "vitest";
import { Streams } from "#events/sources/streams.ts";
import type { HubEvent } from "#events/hub/observer.ts";
import { KubeError } from "#platform/kube/errors.ts";
import type { KubeObject } from "#platform/kube/resource.ts";
import { settle } from "#test/support/fake-clock.ts";
import { hubBench, part, partView, widget, widgetView } from "#test/support/hub-bench.ts";
import { scriptedWatches } from "#test/support/scripted-watches.ts";

const scope = { connection: "management" };
const MINUTE = 60_000;

async function streamBench() {
  const bench = hubBench();
  const { client, watches } = scriptedWatches();
  const log: string[] = [];
  const seen: HubEvent[] = [];
  const streams = new Streams({
    clock: bench.clock,
    lingerMs: 10 * MINUTE,
    health: () => ({
      alive: () => log.push("alive"),
      disrupted: ({ message }) => log.push(`disrupted: ${message}`),
    }),
    connectionWanted: (connection) => log.push(`wanted ${connection}`),
    connectionUnwanted: (connection) => log.push(`unwanted ${connection}`),
    deliver: (view, at, event) => bench.hub.receive(view, at, event),
    audit: { everyMs: 10 * MINUTE, random: () => 0.5, observe: (event) => seen.push(event) },
  });
  streams.attach(bench.hub);
  await bench.hub.start();
  const open = () => watches.filter(({ ended }) => !ended);
  return { ...bench, streams, client, watches, log, seen, open };
}

type Bench = Awaited<ReturnType<typeof streamBench>>;

/** Opens the stream of Widgets and lists what is given. */
async function listed(bench: Bench, version: string, ...objects: KubeObject[]): Promise<void> {
  bench.streams.wanted(widgetView, scope);
  bench.streams.connected("management", bench.client);
  await list(bench, version, ...objects);
}

async function list(bench: Bench, version: string, ...objects: KubeObject[]): Promise<void> {
  bench
    .open()
    .at(-1)
    ?.emit(
      { type: "relist", reason: "start" },
      ...objects.map((object) => ({ type: "added" as const, object })),
      { type: "synced", resourceVersion: version },
    );
  await settle();
}

const known = (bench: Bench) => bench.hub.index.all(widgetView, "management").map(({ meta }) => meta.name);

describe("streams", () => {
  it("run while their connection is up, and start over when it is replaced", async () => {
    const bench = await streamBench();
    bench.streams.wanted(widgetView, scope);
    expect(bench.log).toEqual(["wanted management"]);
    expect(bench.watches).toHaveLength(0);
    bench.streams.connected("management", bench.client);
    bench.streams.connected("management", bench.client);
    await settle();
    expect([bench.watches.length, bench.open().length]).toEqual([2, 1]);
    bench.streams.disconnected("management");
    await settle();
    expect(bench.open()).toHaveLength(0);
  });

  it("list nothing older than what the hub has heard, also when they are opened again", async () => {
    const bench = await streamBench();
    await listed(bench, "500", widget({ version: "3", have: 1 }));
    expect(bench.watches[0]?.options.notOlderThan).toBeUndefined();
    bench.streams.connected("management", bench.client);
    await settle();
    expect(bench.watches[1]?.options.notOlderThan).toBe("500");
  });

  it("are kept for a while after the last who looked at them is gone, and then forgotten together with their connection", async () => {
    const bench = await streamBench();
    await listed(bench, "500", widget({ version: "3", have: 1 }));
    bench.streams.unwanted(widgetView, scope);
    await bench.clock.advance(9 * MINUTE);
    expect(known(bench)).toEqual(["one"]);
    bench.streams.wanted(widgetView, scope);
    await bench.clock.advance(30 * MINUTE);
    expect(known(bench)).toEqual(["one"]);
    bench.streams.unwanted(widgetView, scope);
    await bench.clock.advance(10 * MINUTE);
    expect(known(bench)).toEqual([]);
    expect(bench.open()).toHaveLength(0);
    expect(bench.log.at(-1)).toBe("unwanted management");
  });

  it("stay as long as one of several looks at them", async () => {
    const bench = await streamBench();
    await listed(bench, "500", widget({ version: "3", have: 1 }));
    bench.streams.wanted(widgetView, scope);
    bench.streams.unwanted(widgetView, scope);
    await bench.clock.advance(60 * MINUTE);
    expect(known(bench)).toEqual(["one"]);
  });

  it("that end by an error of our own are opened again", async () => {
    const bench = await streamBench();
    await listed(bench, "500");
    bench.watches[0]?.end(new Error("bug"));
    await settle();
    expect(bench.log.at(-1)).toBe("disrupted: bug");
    await bench.clock.advance(5_000);
    expect(bench.open()).toHaveLength(1);
  });

  it("of a kind that may be missing are no fault when it is not served, and ready; once it is installed they list it", async () => {
    const bench = await streamBench();
    const view = { ...widgetView, mayBeMissing: true };
    bench.streams.wanted(view, scope);
    bench.streams.connected("management", bench.client);
    const readiness = () => bench.streams.state().map(({ ready }) => ready);
    expect(readiness()).toEqual([false]);
    const error = new KubeError({
      reason: "unavailable",
      detail: "notServed",
      dependency: "management",
      message: "not served",
    });
    bench.open()[0]?.emit({ type: "disrupted", error, retryInMs: 10 });
    await settle();
    expect(readiness()).toEqual([true]);
    expect(bench.log.filter((line) => line.startsWith("disrupted"))).toEqual([]);
    expect(bench.hub.index.listed(view, scope)).toBe(false);
    const unreachable = new KubeError({ reason: "timeout", dependency: "management", message: "gone" });
    bench.open()[0]?.emit({ type: "disrupted", error: unreachable, retryInMs: 10 });
    await settle();
    expect(readiness()).toEqual([false]);
    await list(bench, "5");
    expect(readiness()).toEqual([true]);
    expect(bench.hub.index.listed(view, scope)).toBe(true);
  });

  it("of any other kind are not ready when it is not served", async () => {
    const bench = await streamBench();
    bench.streams.wanted(widgetView, scope);
    bench.streams.connected("management", bench.client);
    const error = new KubeError({
      reason: "unavailable",
      detail: "notServed",
      dependency: "management",
      message: "not served",
    });
    bench.open()[0]?.emit({ type: "disrupted", error, retryInMs: 10 });
    await settle();
    expect(bench.streams.state().map(({ ready }) => ready)).toEqual([false]);
    expect(bench.log).toContain("disrupted: not served");
  });

  it("tell what their API server is like", async () => {
    const bench = await streamBench();
    await listed(bench, "500");
    bench
      .open()[0]
      ?.emit(
        { type: "disrupted", error: new Error("refused"), retryInMs: 500 },
        { type: "bookmark", resourceVersion: "501" },
      );
    await settle();
    expect(bench.log.slice(-2)).toEqual(["disrupted: refused", "alive"]);
  });
});

describe("the audit of a stream", () => {
  /** Answers the audit's own watch with what the API server has. */
  async function answerAudit(bench: Bench, version: string, ...objects: KubeObject[]): Promise<void> {
    const audit = bench.open().find(({ options }) => options.streamedListOnly === true);
    expect(audit?.options.metadataOnly).toBe(true);
    audit?.emit(
      { type: "relist", reason: "start" },
      ...objects.map((object) => ({ type: "added" as const, object })),
      { type: "synced", resourceVersion: version },
    );
    await settle();
    expect(audit?.ended).toBe(true);
  }

  it("finds nothing where nothing was missed, and asks by a watch, which it ends", async () => {
    const bench = await streamBench();
    await listed(bench, "500", widget({ version: "3", have: 1 }));
    await bench.clock.advance(10 * MINUTE);
    await answerAudit(bench, "600", widget({ version: "3", have: 1 }));
    await bench.clock.advance(5_000);
    expect([bench.open().length, bench.seen]).toEqual([1, []]);
    await bench.clock.advance(10 * MINUTE);
    expect(bench.open()).toHaveLength(2);
  });

  for (const [what, there] of Object.entries({
    "a change": [widget({ version: "550", have: 1 })],
    "a creation": [widget({ version: "3", have: 1 }), widget({ name: "two", version: "550", have: 1 })],
    "a deletion": [],
  })) {
    it(`counts ${what} that was missed, and repairs it by a new list`, async () => {
      const bench = await streamBench();
      await listed(bench, "500", widget({ version: "3", have: 1 }));
      await bench.clock.advance(10 * MINUTE);
      await answerAudit(bench, "600", ...there);
      expect(bench.seen).toEqual([]);
      await bench.clock.advance(5_000);
      await answerAudit(bench, "600", ...there);
      expect(bench.seen).toEqual([
        { kind: "missed", collection: "management|widgets.test.dev|*", deltas: 1 },
      ]);
      await list(bench, "600", ...there);
      expect(known(bench)).toEqual(there.map(({ metadata }) => metadata.name));
      await bench.clock.advance(10 * MINUTE);
      await answerAudit(bench, "700", ...there);
      await bench.clock.advance(5_000);
      expect(bench.seen).toHaveLength(1);
    });
  }

  it("does not count what comes within its grace time", async () => {
    const bench = await streamBench();
    await listed(bench, "500", widget({ version: "3", have: 1 }));
    await bench.clock.advance(10 * MINUTE);
    await answerAudit(bench, "600", widget({ version: "550", have: 1 }));
    bench.watches[0]?.emit({ type: "modified", object: widget({ version: "550", have: 1 }) });
    await bench.clock.advance(5_000);
    await answerAudit(bench, "600", widget({ version: "550", have: 1 }));
    expect(bench.seen).toEqual([]);
  });

  it("does not count what changes again and again while it looks", async () => {
    const bench = await streamBench();
    await listed(bench, "500", widget({ version: "3", have: 1 }));
    await bench.clock.advance(10 * MINUTE);
    await answerAudit(bench, "600", widget({ version: "550", have: 1 }));
    await bench.clock.advance(5_000);
    await answerAudit(bench, "700", widget({ version: "650", have: 1 }));
    expect(bench.seen).toEqual([]);
  });

  it("is left out while the stream itself knows that it is in trouble", async () => {
    const bench = await streamBench();
    await listed(bench, "500", widget({ version: "3", have: 1 }));
    bench.watches[0]?.emit({ type: "disrupted", error: new Error("refused"), retryInMs: 500 });
    await bench.clock.advance(10 * MINUTE);
    expect(bench.watches).toHaveLength(1);
  });

  it("does not complain of an object that cannot be read", async () => {
    const bench = await streamBench();
    const poison = { ...widget({ version: "3" }), spec: {} };
    await listed(bench, "500", poison);
    await bench.clock.advance(10 * MINUTE);
    await answerAudit(bench, "600", poison);
    await bench.clock.advance(5_000);
    expect(bench.seen).toEqual([]);
    expect(bench.open()).toHaveLength(1);
  });

  it("ends with its stream", async () => {
    const bench = await streamBench();
    await listed(bench, "500");
    bench.streams.stop();
    await bench.clock.advance(60 * MINUTE);
    expect(bench.watches).toHaveLength(1);
  });

  it("finds nothing and complains of nothing where lists are not streamed", async () => {
    const bench = await streamBench();
    await listed(bench, "500", widget({ version: "3", have: 1 }));
    await bench.clock.advance(10 * MINUTE);
    bench
      .open()
      .find(({ options }) => options.streamedListOnly === true)
      ?.end();
    await bench.clock.advance(5_000);
    expect([bench.seen, bench.open().length]).toEqual([[], 1]);
  });
});

describe("what the hub asks to be watched", () => {
  it("is what its objects name, and the stream it was told to keep is kept when the last of them goes", async () => {
    const { client } = scriptedWatches();
    const bench = hubBench({
      demand: { wanted: (...all) => streams.wanted(...all), unwanted: (...all) => streams.unwanted(...all) },
    });
    const streams: Streams = new Streams({
      clock: bench.clock,
      lingerMs: MINUTE,
      health: () => ({ alive: () => undefined, disrupted: () => undefined }),
      connectionWanted: () => undefined,
      deliver: (view, at, event) => bench.hub.receive(view, at, event),
    });
    streams.attach(bench.hub);
    streams.wanted(partView, scope);
    streams.connected("management", client);
    await bench.list(widget({ version: "1", part: "a" }), part({ name: "a", version: "2", size: 1 }));
    await bench.lose(widget({ version: "101", part: "a" }));
    await bench.clock.advance(10 * MINUTE);
    expect(bench.hub.index.all(partView, "management")).toHaveLength(1);
  });
});
