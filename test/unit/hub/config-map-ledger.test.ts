import { randomBytes } from "node:crypto";
import { describe, expect, it } from "vitest";
import type { LedgerSnapshot } from "#events/hub/records.ts";
import { configMapLedger } from "#events/sources/config-map-ledger.ts";
import type { KubeClient } from "#platform/kube/client.ts";
import { configMaps } from "#platform/kube/resources.ts";
import { done } from "#functions/contract/outcome.ts";
import { FakeApi, kubeError } from "#test/support/fake-api.ts";
import { hubBench, widget } from "#test/support/hub-bench.ts";

const namespace = "capfn-system";
const chunk = (n: number) => ({ namespace, name: `capfn-ledger-${n}` });

function ledger() {
  const api = new FakeApi("management", { requests: [], faultAt: () => undefined });
  return { api, store: configMapLedger(api as unknown as KubeClient, namespace) };
}

/** So many records that do not compress: about 60 bytes each after compression. */
function snapshot(records: number): LedgerSnapshot {
  const hash = () => randomBytes(20).toString("base64url");
  return {
    format: 1,
    epoch: 3,
    versions: { "management|widgets.test.dev": "100" },
    clusters: { "workload/demo/a": "uid-1" },
    records: Object.fromEntries(
      Array.from({ length: records }, () => [`f/${hash()}`, { kind: "done" as const, hash: hash() }]),
    ),
  };
}

function damage(
  api: FakeApi,
  n: number,
  change: (data: Record<string, string>) => Record<string, string>,
): void {
  const now = api.peek(configMaps, chunk(n)) ?? expect.fail();
  api.put({ ...now, data: change(now["data"] as Record<string, string>) });
}

describe("the ledger in ConfigMaps", () => {
  it("comes back as it was stored, of every kind of record", async () => {
    const { store } = ledger();
    const stored: LedgerSnapshot = {
      format: 1,
      epoch: 9,
      versions: { "a|b": "1" },
      clusters: { "workload/demo/a": "uid-1" },
      records: {
        "f/1": { kind: "done", hash: "h" },
        "f/2": {
          kind: "waiting",
          hash: "h",
          targets: [{ object: "o", seen: "absent" }],
          deadline: 5,
          reason: "R",
        },
        "f/3": { kind: "due", hash: "h", at: 7, reason: "R" },
        "f/4": { kind: "parked", hash: "h", reason: "R", message: "m" },
      },
    };
    await store.save(stored);
    expect(await store.load()).toEqual(stored);
  });

  it("is absent before it was ever stored", async () => {
    expect(await ledger().store.load()).toBeUndefined();
  });

  it("is cut in pieces an API server takes, and shrinks again", async () => {
    const { api, store } = ledger();
    const large = snapshot(40_000);
    await store.save(large);
    const first = api.peek(configMaps, chunk(0))?.["data"] as Record<string, string>;
    expect(Number(first["chunks"])).toBeGreaterThan(2);
    for (let n = 0; n < Number(first["chunks"]); n += 1) {
      const object = api.peek(configMaps, chunk(n)) ?? expect.fail();
      expect(Buffer.byteLength(JSON.stringify(object))).toBeLessThan(1024 * 1024);
    }
    expect(await store.load()).toEqual(large);
    const small = snapshot(2);
    await store.save(small);
    expect(await store.load()).toEqual(small);
  }, 20_000);

  it("keeps 10,000 records in one piece", async () => {
    const { api, store } = ledger();
    await store.save(snapshot(10_000));
    expect(api.peek(configMaps, chunk(1))).toBeUndefined();
  });

  it("counts as absent, whole, when any piece is missing, of another save, or damaged", async () => {
    const damages: ((api: FakeApi) => void)[] = [
      (api) => api.drop(configMaps, chunk(1)),
      (api) => api.drop(configMaps, chunk(0)),
      (api) => damage(api, 1, (data) => ({ ...data, checksum: "of another save" })),
      (api) => damage(api, 1, (data) => ({ ...data, records: `AAAA${data["records"]?.slice(4)}` })),
      (api) => damage(api, 0, (data) => ({ ...data, chunks: "1" })),
      ...["0", "-1", "1e9", "many", "1.5"].map(
        (chunks) => (api: FakeApi) => damage(api, 0, (data) => ({ ...data, chunks })),
      ),
    ];
    const { api, store } = ledger();
    const large = snapshot(30_000);
    for (const harm of damages) {
      await store.save(large);
      harm(api);
      expect(await store.load()).toBeUndefined();
    }
  }, 60_000);

  it("counts as absent when it is of a format nobody knows", async () => {
    const { store } = ledger();
    await store.save({ ...snapshot(1), format: 2 } as unknown as LedgerSnapshot);
    expect(await store.load()).toBeUndefined();
    await store.save({
      ...snapshot(1),
      records: { "f/1": { kind: "sleeping" } },
    } as unknown as LedgerSnapshot);
    expect(await store.load()).toBeUndefined();
  });

  it("of which only a part was stored before a crash counts as absent, never as a mixture", async () => {
    const { api, store } = ledger();
    await store.save(snapshot(30_000));
    api.failOn({ verb: "apply", name: "capfn-ledger-0" }, kubeError("unavailable"));
    await expect(store.save(snapshot(30_000))).rejects.toThrow();
    expect(await store.load()).toBeUndefined();
  }, 20_000);

  it("is not taken for lost when it cannot be read just now", async () => {
    const { api, store } = ledger();
    await store.save(snapshot(1));
    api.failOn({ verb: "get" }, kubeError("unavailable"));
    await expect(store.load()).rejects.toThrow();
  });

  it("carries a hub over a restart", async () => {
    const { store } = ledger();
    const before = hubBench({ ledger: store });
    await before.list(widget({ version: "1" }));
    await before.runs[0]?.answer(done());
    await before.clock.advance(30_000);
    const after = hubBench({ ledger: store });
    await after.list(widget({ version: "1" }));
    expect(after.runs).toHaveLength(0);
  });
});
