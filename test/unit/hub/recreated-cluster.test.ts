import { describe, expect, it } from "vitest";
import type { LedgerSnapshot, LedgerStore } from "#events/hub/records.ts";
import { memoryLedger } from "#events/sources/memory-ledger.ts";
import { done } from "#functions/contract/outcome.ts";
import { relations } from "#functions/contract/relations.ts";
import { settle } from "#test/support/fake-clock.ts";
import { hubBench, part, partView, widget, widgetFunction, widgetView } from "#test/support/hub-bench.ts";

const CLUSTER = "workload/demo/a";
const scope = { connection: CLUSTER };
const partRef = { connection: CLUSTER, namespace: "default", name: "p" };

/** Widgets look at a Part in the workload cluster, and run when its size changes. */
function bench(ledger: LedgerStore = memoryLedger()) {
  const fn = widgetFunction({
    related: relations(widgetView).one("part", partView, () => partRef),
    inputs: ({ related }) => related.part?.spec.size,
    uses: ["management", "workload"],
  });
  const made = hubBench({ functions: [fn], ledger });
  const list = async (version: string, ...sizes: number[]) => {
    made.hub.receive(partView, scope, { type: "relist", reason: "start" });
    for (const size of sizes)
      made.hub.receive(partView, scope, { type: "added", object: part({ name: "p", version, size }) });
    made.hub.receive(partView, scope, { type: "synced", resourceVersion: version });
    await settle();
  };
  const up = (cluster: string | undefined) => made.hub.connected(CLUSTER, cluster);
  const size = () => made.hub.index.get(partView, partRef)?.spec.size;
  const floor = () => made.hub.notOlderThan(partView, scope);
  return { ...made, listParts: list, up, size, floor };
}

type Bench = ReturnType<typeof bench>;

async function first(cluster: string | undefined, ledger?: LedgerStore): Promise<Bench> {
  const made = bench(ledger);
  made.hub.connectionWanted(CLUSTER);
  await made.list(widget({ version: "1" }));
  made.up(cluster);
  await made.listParts("5000", 1);
  await made.runs[0]?.answer(done());
  return made;
}

describe("a cluster made anew under its name", () => {
  it("is listed without regard to the versions of the old one, of which nothing is left", async () => {
    const made = await first("uid-1");
    expect([made.size(), made.floor()]).toEqual([1, "5000"]);
    made.up("uid-2");
    expect([made.size(), made.floor()]).toEqual([undefined, undefined]);
    await settle();
    expect(made.runs).toHaveLength(1);
    await made.listParts("12", 3);
    expect([made.size(), made.floor()]).toEqual([3, "12"]);
    expect(made.runs).toHaveLength(2);
    expect(made.events.filter(({ kind }) => kind === "disrupted")).toEqual([]);
  });

  it("is told from the old one that came back, or whose id may not be read", async () => {
    for (const again of ["uid-1", undefined]) {
      const made = await first("uid-1");
      made.up(again);
      expect([made.size(), made.floor()]).toEqual([1, "5000"]);
    }
  });

  it("is known again by the next life of the hub", async () => {
    const ledger = memoryLedger();
    await (await first("uid-1", ledger)).hub.stop(0);
    const floors = [];
    for (const cluster of ["uid-1", undefined, "uid-2"]) {
      const made = bench(memoryLedger(ledger.current()));
      await made.list(widget({ version: "1" }));
      made.up(cluster);
      floors.push(made.floor());
    }
    expect(floors).toEqual(["5000", "5000", undefined]);
  });

  it("is not mixed up by the answer of a run that wrote to the old one", async () => {
    const made = await first("uid-1");
    await made.see(widget({ version: "101", want: 2 }));
    made.hub.receive(partView, scope, {
      type: "modified",
      object: part({ name: "p", version: "5001", size: 2 }),
    });
    await settle();
    expect(made.runs).toHaveLength(2);
    made.up("uid-2");
    await made.listParts("12", 7);
    const object = part({ name: "p", version: "5002", size: 3 });
    await made.runs[1]?.answer({
      outcomes: new Map([["uid-one", done()]]),
      written: [{ connection: CLUSTER, type: partView.type, object }],
    });
    expect([made.size(), made.floor()]).toEqual([7, "12"]);
    expect(made.runs).toHaveLength(3);
  });
});

describe("a connection nobody looks at any more", () => {
  const stored = async (made: Bench, ledger: { current(): LedgerSnapshot | undefined }) => {
    await made.hub.stop(0);
    const { versions, clusters } = ledger.current() ?? expect.fail();
    return { versions: Object.keys(versions), clusters };
  };

  it("leaves nothing behind, neither in memory nor in the ledger", async () => {
    const ledger = memoryLedger();
    const made = await first("uid-1", ledger);
    made.hub.connectionUnwanted(CLUSTER);
    await settle();
    expect([made.size(), made.floor()]).toEqual([undefined, undefined]);
    expect(Object.keys(made.hub.index.versions()).filter((name) => name.startsWith(CLUSTER))).toEqual([]);
    const { versions, clusters } = await stored(made, ledger);
    expect(versions.filter((name) => name.startsWith(CLUSTER))).toEqual([]);
    expect(clusters).toEqual({});
  });

  it("of an earlier life is forgotten when the start is over, and not before", async () => {
    const ledger = memoryLedger();
    await (await first("uid-1", ledger)).hub.stop(0);
    const early = memoryLedger(ledger.current());
    const young = bench(early);
    await young.list(widget({ version: "1" }));
    expect(await stored(young, early)).toMatchObject({ clusters: { [CLUSTER]: "uid-1" } });
    const wanted = memoryLedger(ledger.current());
    const down = bench(wanted);
    down.hub.connectionWanted(CLUSTER);
    await down.list(widget({ version: "1" }));
    await down.clock.advance(61_000);
    expect((await stored(down, wanted)).versions).toContain(`${CLUSTER}|parts.test.dev`);
    const late = memoryLedger(ledger.current());
    const old = bench(late);
    await old.list(widget({ version: "1" }));
    await old.clock.advance(61_000);
    expect(await stored(old, late)).toEqual({
      versions: ["management|widgets.test.dev", "management|parts.test.dev"],
      clusters: {},
    });
  });
});
