import { afterAll, beforeAll, describe, expect, test } from "vitest";
import * as z from "zod";
import { etcdRelieve } from "#functions/cluster-api/etcd-relieve/function.ts";
import type { Outcome } from "#functions/contract/outcome.ts";
import { callGateway } from "#platform/etcd/gateway.ts";
import { clusters } from "#platform/kube/resources.ts";
import { systemClock } from "#platform/process/clock.ts";
import { cluster as capiCluster, place } from "#test/support/cluster-objects.ts";
import { startEtcdCluster, type TestEtcdCluster } from "#test/support/etcd-cluster.ts";
import { etcdProgramsHere } from "#test/support/etcd-programs.ts";
import { fakeDeps, type FakeDeps } from "#test/support/step-deps.ts";
import { stepWorld } from "#test/support/step-world.ts";
import { controlPlaneMachine, etcdSecret } from "#test/unit/functions/etcd-remove/control-plane.ts";

let etcd: TestEtcdCluster;

/** Writes 200 kB under one and the same key, so that all but the last is history. */
async function write(): Promise<void> {
  const endpoint = {
    url: `https://${etcd.member("cp-1").address}:2379`,
    credentials: etcd.credentials,
    timeoutMs: 5_000,
    signal: new AbortController().signal,
  };
  const body = {
    key: Buffer.from("k").toString("base64"),
    value: Buffer.alloc(200_000, 7).toString("base64"),
  };
  await callGateway(endpoint, { path: "kv/put", body }, z.unknown());
}

async function fill(): Promise<void> {
  for (let writes = 0; writes < 60; writes += 1) {
    const full = await write().then(
      () => false,
      (error: unknown) => String(error).includes("database space exceeded"),
    );
    if (full) return;
  }
  throw new Error("etcd does not fill up");
}

function stage(over: Partial<Parameters<typeof fakeDeps>[0]> = {}): FakeDeps {
  return fakeDeps({
    now: new Date(systemClock().now()),
    management: [
      capiCluster({ metadata: { annotations: { "capfn.dev/etcd-relieve": "NOSPACE" } } }),
      etcdSecret(etcd.authority),
      ...etcd.members.map(({ name, address }) => controlPlaneMachine(name, { address })),
    ],
    ...over,
  });
}

async function run(deps: FakeDeps): Promise<Outcome | undefined> {
  return (await stepWorld(deps, place.namespace).run(etcdRelieve, [place.cluster]))[place.cluster];
}

const asked = (deps: FakeDeps) =>
  deps.management.peek(clusters, { namespace: place.namespace, name: place.cluster })?.metadata.annotations?.[
    "capfn.dev/etcd-relieve"
  ];

describe.each(await etcdProgramsHere())("$title", (program) => {
  beforeAll(async () => {
    const flags = [`--quota-backend-bytes=${4 << 20}`];
    etcd = await startEtcdCluster(["cp-1", "cp-2", "cp-3"], { flags, program });
  });
  afterAll(() => etcd[Symbol.asyncDispose]());

  test("that is full takes writes again, after every member gave its space back one by one", async () => {
    await fill();
    const alarms = async () => (await etcd.member("cp-2").client.alarms()).map(({ type }) => type);
    await expect.poll(alarms, { timeout: 30_000 }).toContain("NOSPACE");
    const ill = etcd.member("cp-3");
    ill.process.signal("STOP");
    const held = stage();
    // If it was the leader, the others first choose another.
    const outcomeOf = () => run(held).catch(() => undefined);
    await expect.poll(outcomeOf, { timeout: 60_000, interval: 500 }).toMatchObject({ kind: "requeueAfter" });
    expect(new Set(held.announced.map(({ event }) => event.reason))).toEqual(new Set(["EtcdReliefHeld"]));
    expect(asked(held)).toBe("NOSPACE");
    ill.process.signal("CONT");

    const lost = stage({ mayWrite: false });
    await expect.poll(() => run(lost).catch(String), { timeout: 30_000 }).toContain("no longer leading");

    const deps = stage();
    await expect.poll(() => run(deps), { timeout: 60_000, interval: 1_000 }).toEqual({ kind: "done" });
    expect(asked(deps)).toBeUndefined();
    for (const { client } of etcd.members) {
      expect((await client.status()).dbSizeBytes).toBeLessThan(1_000_000n);
      expect(await client.alarms()).toEqual([]);
    }
    await write();
    expect(deps.announced.at(-1)?.event.reason).toBe("EtcdRelieved");
  });
});
