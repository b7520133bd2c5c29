import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createEtcdClient } from "#platform/etcd/client.ts";
import { EtcdError, grpcCodes } from "#platform/etcd/errors.ts";
import { sleep, systemClock } from "#platform/process/clock.ts";
import { issueClientCertificate } from "#platform/x509/client-certificate.ts";
import { createAuthority, startEtcdCluster, type TestEtcdCluster } from "#test/support/etcd-cluster.ts";
import { etcdProgramsHere } from "#test/support/etcd-programs.ts";

const clock = systemClock();
const programs = await etcdProgramsHere();

describe.each(programs)("the client of an etcd member: $title", (program) => {
  let cluster: TestEtcdCluster;

  beforeAll(async () => {
    cluster = await startEtcdCluster(["a", "b", "c"], { program });
  });

  afterAll(() => cluster[Symbol.asyncDispose]());

  test("lists members with ids that are larger than a JavaScript number holds, digit by digit", async () => {
    const { members, clusterId, answeredBy } = await cluster.member("a").client.members();
    expect(members.map(({ name }) => name).toSorted()).toEqual(["a", "b", "c"]);
    expect(members.every(({ isLearner }) => !isLearner)).toBe(true);
    const ids = [clusterId, answeredBy, ...members.map(({ id }) => id)];
    const large = ids.filter((id) => BigInt(id) > BigInt(Number.MAX_SAFE_INTEGER));
    expect(large.length).toBeGreaterThan(0);
    expect(large.some((id) => BigInt(Number(id)) !== BigInt(id))).toBe(true);
    for (const { name, id } of members) {
      expect((await cluster.member(name).client.status()).memberId).toBe(id);
    }
  });

  test("tells how each member is, and moves leadership to the member named", async () => {
    const leader = await cluster.leader();
    const [other = expect.fail()] = cluster.members.filter((each) => each !== leader);
    const id = await cluster.idOf(other.name);
    await leader.client.moveLeader(id);
    await expect.poll(async () => (await leader.client.status()).leader).toBe(id);
    await expect(leader.client.moveLeader(id)).rejects.toMatchObject({ reason: "refused" });
    const status = await other.client.status();
    expect(status.errors).toEqual([]);
    expect(status.appliedIndex).toBeGreaterThan(0n);
    expect(status.isLearner).toBe(false);
  });

  test("adds a learner, does not promote it before it has caught up, and removes it by its id", async () => {
    const { client } = await cluster.leader();
    await cluster.addUnstarted({ learner: true });
    const learner = (await client.members()).members.find(({ isLearner }) => isLearner) ?? expect.fail();
    expect(learner.name).toBe("");
    await expect(client.promoteMember(learner.id)).rejects.toMatchObject({ reason: "refused" });
    await client.removeMember(learner.id);
    expect((await client.members()).members).toHaveLength(3);
    await expect(client.removeMember(learner.id)).rejects.toMatchObject({
      reason: "refused",
      code: grpcCodes.notFound,
    });
  });

  test("lists no members when there is no quorum, whatever the member asked remembers", async () => {
    const two = await startEtcdCluster(["d", "e"], { program, strict: false });
    try {
      expect((await two.member("d").client.members()).members).toHaveLength(2);
      await two.member("e").process.stop();
      await expect(two.member("d").client.members()).rejects.toMatchObject({ name: "EtcdError" });
    } finally {
      await two[Symbol.asyncDispose]();
    }
  });

  test("takes a snapshot whose checksum is that of its content", async () => {
    let bytes = 0;
    for await (const chunk of cluster.member("b").client.snapshot()) bytes += chunk.length;
    expect(bytes % 512).toBe(32);
    expect(bytes).toBeGreaterThan(10_000);
  });

  test("compacts, defragments and lists alarms", async () => {
    const { client } = cluster.member("c");
    const { revision, dbSizeBytes } = await client.status();
    expect(dbSizeBytes).toBeGreaterThan(0n);
    await expect(client.compact(String(BigInt(revision) + 100n))).rejects.toMatchObject({
      reason: "refused",
    });
    await client.defragment();
    expect(await client.alarms()).toEqual([]);
  });

  test("is refused without a certificate of the cluster's authority, and does not trust a server of another one", async () => {
    const stranger = await createAuthority("ec");
    const issued = await issueClientCertificate(stranger, {
      commonName: "stranger",
      nowMs: clock.now(),
      validMs: 60_000,
    });
    const url = `https://${cluster.member("a").address}:2379`;
    const base = { url, timeoutMs: 3_000, signal: new AbortController().signal };
    const refused = createEtcdClient({
      ...base,
      credentials: { caPem: cluster.authority.certPem, ...issued },
    });
    await expect(refused.members()).rejects.toMatchObject({ reason: "unreachable" });
    const distrustful = createEtcdClient({
      ...base,
      credentials: { ...cluster.credentials, caPem: stranger.certPem },
    });
    await expect(distrustful.members()).rejects.toMatchObject({ reason: "unreachable" });
  });

  test("waits no longer than its time limit for a member that hangs, and sends nothing after its signal", async () => {
    const frozen = cluster.member("a");
    frozen.process.signal("STOP");
    const hasty = createEtcdClient({
      url: `https://${frozen.address}:2379`,
      credentials: cluster.credentials,
      timeoutMs: 300,
      signal: new AbortController().signal,
    });
    const before = clock.monotonic();
    await expect(hasty.status()).rejects.toBeInstanceOf(EtcdError);
    expect(clock.monotonic() - before).toBeLessThan(2_000);
    frozen.process.signal("CONT");
    await sleep(clock, 100);
    const aborted = createEtcdClient({
      url: `https://${frozen.address}:2379`,
      credentials: cluster.credentials,
      timeoutMs: 300,
      signal: AbortSignal.abort(new Error("deadline")),
    });
    await expect(aborted.removeMember("1")).rejects.toMatchObject({ reason: "unreachable" });
  });
});
