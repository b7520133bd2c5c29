import { createHash } from "node:crypto";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import * as z from "zod";
import { etcdSnapshot } from "#functions/cluster-api/etcd-snapshot/function.ts";
import type { Outcome } from "#functions/contract/outcome.ts";
import { parseBucketAddress } from "#platform/object-store/address.ts";
import { openBucketFolder } from "#platform/object-store/bucket-folder.ts";
import type { BucketCredentials } from "#platform/object-store/credentials.ts";
import { callGateway } from "#platform/etcd/gateway.ts";
import { clusters } from "#platform/kube/resources.ts";
import { systemClock } from "#platform/process/clock.ts";
import { cluster as capiCluster, place } from "#test/support/cluster-objects.ts";
import { startEtcdCluster, type TestEtcdCluster } from "#test/support/etcd-cluster.ts";
import { etcdProgramsHere } from "#test/support/etcd-programs.ts";
import { s3ServerProgram, startS3Server } from "#test/support/s3-server.ts";
import { fakeDeps, type FakeDeps, type FakeDepsOptions } from "#test/support/step-deps.ts";
import { stepWorld } from "#test/support/step-world.ts";
import { controlPlaneMachine, etcdSecret } from "#test/unit/functions/etcd-remove/control-plane.ts";

/** Near the real time, because etcd judges by its own clock how long a client certificate is valid. */
const start = Math.floor(systemClock().now() / 1_000) * 1_000;
const at = (seconds: number): Date => new Date(start + seconds * 1_000);
const inName = (time: Date): string => time.toISOString().replaceAll(/[-:]|\.\d+/g, "");

let etcd: TestEtcdCluster;
let directory: string;
let broken: string | undefined;

beforeEach(async () => {
  broken = undefined;
  directory = await mkdtemp(join(tmpdir(), "capfn-etcd-snapshots-"));
  return () => rm(directory, { recursive: true, force: true });
});

function stage(over: Partial<FakeDepsOptions> = {}, keep = "2"): FakeDeps {
  const annotations = { "capfn.dev/etcd-snapshot-every": "12h", "capfn.dev/etcd-snapshot-keep": keep };
  return fakeDeps({
    now: at(0),
    snapshotPlace: { kind: "directory", path: directory },
    management: [
      capiCluster({ metadata: { annotations } }),
      etcdSecret(etcd.authority),
      ...etcd.members.map(({ name, address }) => controlPlaneMachine(name, { address })),
    ],
    ...over,
  });
}

async function run(deps: FakeDeps): Promise<Outcome | undefined> {
  return (await stepWorld(deps, place.namespace).run(etcdSnapshot, [place.cluster]))[place.cluster];
}

/** The fake API server gives the Cluster this uid. */
const own = () => join(directory, place.namespace, `${place.cluster}-uid-Cluster-${place.cluster}`);
const files = () => readdir(own()).catch(() => []);
const reasons = (deps: FakeDeps) => deps.announced.map(({ event }) => event.reason);

describe.each(await etcdProgramsHere())("$title:", (program) => {
  beforeAll(async () => {
    await s3ServerProgram();
    etcd = await startEtcdCluster(["cp-1", "cp-2", "cp-3"], {
      program,
      faults: (_, path) => (path === broken ? "after" : undefined),
    });
    const base64 = (text: string) => Buffer.from(text).toString("base64");
    const { address } = etcd.member("cp-1");
    const endpoint = {
      url: `https://${address}:2379`,
      credentials: etcd.credentials,
      timeoutMs: 5_000,
      signal: new AbortController().signal,
    };
    const body = { key: base64("the-key"), value: base64("what-was-written") };
    await callGateway(endpoint, { path: "kv/put", body }, z.unknown());
  });

  afterAll(() => etcd[Symbol.asyncDispose]());

  test("a snapshot is what was written, whole and verified, and the Cluster says when it was taken", async () => {
    const deps = stage();
    expect(await run(deps)).toEqual({ kind: "done" });
    const [name = ""] = await files();
    expect(name).toMatch(/-r\d+\.db$/);
    expect(name.startsWith(inName(at(0)))).toBe(true);
    const content = await readFile(join(own(), name));
    expect(content.includes("what-was-written")).toBe(true);
    const digest = createHash("sha256").update(content.subarray(0, -32)).digest();
    expect(digest.equals(content.subarray(-32))).toBe(true);
    const object = deps.management.peek(clusters, { namespace: place.namespace, name: place.cluster });
    expect(object?.metadata.annotations?.["capfn.dev/etcd-snapshot-taken"]).toBe(
      at(0).toISOString().replace(".000Z", "Z"),
    );
    expect(reasons(deps)).toEqual(["EtcdSnapshotTaken"]);
    const { need } = await stepWorld(deps, place.namespace).evaluate(etcdSnapshot, place.cluster);
    expect(need).toEqual(at(12 * 3_600));
    expect(await run(deps)).toEqual({ kind: "done" });
    expect(await files()).toHaveLength(1);
  });

  test("the newest are kept", async () => {
    for (const seconds of [0, 60, 120]) await run(stage({ now: at(seconds) }));
    expect((await files()).map((name) => name.slice(0, 16)).toSorted()).toEqual(
      [at(60), at(120)].map(inName),
    );
  });

  test("a stream that breaks off leaves no file, removes no other, and is tried again", async () => {
    await run(stage());
    broken = "maintenance/snapshot";
    const deps = stage({ now: at(60) }, "1");
    expect(await run(deps)).toMatchObject({ kind: "requeueAfter", afterMs: 300_000 });
    expect(await files()).toHaveLength(1);
    expect(reasons(deps)).toEqual(["EtcdSnapshotFailed"]);
    expect(deps.counted).toEqual(["capfn_etcd_snapshot_errors_total"]);
  });

  test("a place that cannot be written to, or none at all, is said", async () => {
    await writeFile(join(directory, "demo"), "a file where the directory should be");
    const blocked = stage();
    expect(await run(blocked)).toMatchObject({ kind: "requeueAfter" });
    expect(blocked.announced[0]?.event.message).toMatch(/^the snapshot cannot be written \(E[A-Z]+\)$/);
    const deps = stage();
    Object.assign(deps, { snapshotPlace: undefined });
    expect(await run(deps)).toMatchObject({ kind: "requeueAfter" });
    expect(deps.announced[0]?.event.message).toContain("--etcd-snapshots");
  });

  test("a process that has lost the lead takes none", async () => {
    await expect(run(stage({ mayWrite: false }))).rejects.toThrow("no longer leading");
    expect(await files()).toEqual([]);
  });

  test("snapshots in a bucket: verified, the newest kept, those of others left alone, and troubles told", async () => {
    await using server = await startS3Server();
    await server.makeBucket("backups");
    const address = parseBucketAddress(`s3://backups/lab?endpoint=${server.url}&secret=capfn-system/store`);
    const signal = new AbortController().signal;
    const folderOf = (folder: string) =>
      openBucketFolder({ address, credentials: server.credentials, folder, signal });
    const uid = `uid-Cluster-${place.cluster}`;
    const [mine, foreign] = [
      folderOf(`${place.namespace}/${place.cluster}-${uid}`),
      folderOf(`${place.namespace}/${place.cluster}-another`),
    ];
    const old = `${inName(at(-7_200))}-r1.db`;
    for (const [folder, name] of [
      [mine, old],
      [mine, "notes.txt"],
      [foreign, old],
    ] as const) {
      await folder.put(name, one("older"));
    }
    const inBucket = (seconds: number, secret: object | undefined = storeSecret(server.credentials)) => {
      const deps = stage({ now: at(seconds) }, "1");
      if (secret !== undefined) deps.management.put(secret);
      const snapshotPlace = { kind: "bucket", address } as const;
      return Object.assign(deps, { snapshotPlace });
    };
    const first = inBucket(0);
    expect(await run(first)).toEqual({ kind: "done" });
    expect(reasons(first)).toEqual(["EtcdSnapshotTaken"]);
    await run(inBucket(60));
    const [taken = "", ...others] = (await mine.names()).toSorted();
    expect(taken.startsWith(inName(at(60)))).toBe(true);
    expect(others).toEqual(["notes.txt"]);
    expect(await foreign.names()).toEqual([old]);

    broken = "maintenance/snapshot";
    expect(await run(inBucket(120))).toMatchObject({ kind: "requeueAfter", afterMs: 300_000 });
    broken = undefined;
    expect((await mine.names()).toSorted()).toEqual([taken, "notes.txt"]);

    const without = stage();
    Object.assign(without, { snapshotPlace: inBucket(0).snapshotPlace });
    await run(without);
    expect(without.announced[0]?.event.message).toContain("Secret capfn-system/store with the credentials");
    const wrong = inBucket(180, storeSecret({ ...server.credentials, secretAccessKey: "another-one" }));
    expect(await run(wrong)).toMatchObject({ kind: "requeueAfter" });
    expect(wrong.announced[0]?.event.message).toContain("refuses the credentials");
    expect(JSON.stringify(wrong.announced)).not.toContain("another-one");
    const [lost, uploads] = [inBucket(240), (await mine.names()).length];
    Object.assign(lost, {
      ensureMayWrite: (
        (calls) => () =>
          (calls += 1) > 1 && fail("no longer leading")
      )(0),
    });
    await expect(run(lost)).rejects.toThrow("no longer leading");
    expect(await mine.names()).toHaveLength(uploads);
    for (const folder of [mine, foreign]) folder.close();
  });
});

async function* one(text: string): AsyncGenerator<Buffer> {
  yield Promise.resolve(Buffer.from(text));
}

function fail(message: string): never {
  throw new Error(message);
}

function storeSecret({ accessKeyId, secretAccessKey }: BucketCredentials): object {
  const data = { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey };
  return {
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name: "store", namespace: "capfn-system" },
    data: Object.fromEntries(
      Object.entries(data).map(([key, text]) => [key, Buffer.from(text).toString("base64")]),
    ),
  };
}
