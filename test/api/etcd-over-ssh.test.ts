import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import * as z from "zod";
import { etcdRelieve } from "#functions/cluster-api/etcd-relieve/function.ts";
import { etcdRemove } from "#functions/cluster-api/etcd-remove/function.ts";
import { etcdSnapshot } from "#functions/cluster-api/etcd-snapshot/function.ts";
import { callGateway } from "#platform/etcd/gateway.ts";
import { machines } from "#platform/kube/resources.ts";
import { systemClock } from "#platform/process/clock.ts";
import { cluster, place } from "#test/support/cluster-objects.ts";
import {
  startSshControlPlane,
  type etcdFiles,
  type SshControlPlane,
} from "#test/support/control-plane-ssh.ts";
import { startEtcdCluster, type TestEtcdCluster } from "#test/support/etcd-cluster.ts";
import { sshPackages, type SshServerOptions } from "#test/support/ssh-server.ts";
import { fakeDeps, type FakeDeps } from "#test/support/step-deps.ts";
import { stepWorld } from "#test/support/step-world.ts";
import {
  AT_HOOK,
  controlPlaneMachine,
  etcdSecret,
  HOOK,
} from "#test/unit/functions/etcd-remove/control-plane.ts";

const packages = await sshPackages();
const names = ["cp-1", "cp-2", "cp-3"];
const atHook = { hook: true, deleted: "2026-01-01T00:10:00Z", phase: AT_HOOK };
const open: AsyncDisposable[] = [];

afterEach(async () => {
  for (const each of open.splice(0).toReversed()) await each[Symbol.asyncDispose]();
});

interface Stage {
  readonly etcd: TestEtcdCluster;
  readonly ssh: SshControlPlane;
  readonly deps: FakeDeps;
  deletion(name: string): void;
  hooked(name: string): boolean;
}

async function stage(
  options: SshServerOptions & { annotations?: object; more?: (etcd: TestEtcdCluster) => object[] } = {},
): Promise<Stage> {
  const etcd = await startEtcdCluster(names);
  open.push(etcd);
  const ssh = await startSshControlPlane(etcd, options);
  open.push(ssh);
  const snapshotDirectory = await mkdtemp(join(tmpdir(), "capfn-ssh-snapshots-"));
  open.push({
    [Symbol.asyncDispose]: () => rm(snapshotDirectory, { recursive: true, force: true }),
  });
  const annotations = { "capfn.dev/etcd-access": "ssh", ...options.annotations };
  const machine = (name: string, state: object) =>
    controlPlaneMachine(name, { address: etcd.member(name).address, ...state });
  const deps = fakeDeps({
    now: new Date(systemClock().now()),
    snapshotDirectory,
    management: [
      cluster({ metadata: { annotations } }),
      ssh.secret(),
      ...(options.more?.(etcd) ?? []),
      ...names.map((name) => machine(name, { hook: true })),
    ],
  });
  return {
    etcd,
    ssh,
    deps,
    deletion: (name) => void deps.management.put(machine(name, atHook)),
    hooked: (name) =>
      deps.management.peek(machines, { namespace: place.namespace, name })?.metadata.annotations?.[HOOK] !==
      undefined,
  };
}

const remove = async ({ deps }: Stage, name: string) =>
  (await stepWorld(deps, place.namespace).run(etcdRemove, [name]))[name];
const snapshot = async ({ deps }: Stage) =>
  (await stepWorld(deps, place.namespace).run(etcdSnapshot, [place.cluster]))[place.cluster];
const said = ({ deps }: Stage) =>
  deps.announced.map(({ event }) => `${event.reason}: ${event.message}`).join("\n");

/** Overwrites 200 kB, which leaves as much behind. */
async function write(etcd: TestEtcdCluster): Promise<void> {
  const endpoint = {
    url: `https://${etcd.member("cp-1").address}:2379`,
    credentials: etcd.credentials,
    timeoutMs: 5_000,
    signal: new AbortController().signal,
  };
  const value = Buffer.alloc(200_000, 7).toString("base64");
  await callGateway(endpoint, { path: "kv/put", body: { key: "aw==", value } }, z.unknown());
}

describe.skipIf("missing" in packages)("etcd reached over SSH on its own machines", () => {
  it.each(["RKE2", "k3s", "kubeadm"] satisfies (keyof typeof etcdFiles)[])(
    "gives a whole snapshot with the certificate that %s keeps on the machine",
    async (distribution) => {
      const play = await stage({ annotations: { "capfn.dev/etcd-snapshot-every": "12h" } });
      await play.ssh.layFiles(distribution);
      expect(await snapshot(play), said(play)).toEqual({ kind: "done" });
      const kept = await readdir(
        join(play.deps.snapshotDirectory ?? "", place.namespace, `${place.cluster}-uid-Cluster-demo`),
      );
      expect(kept).toHaveLength(1);
      const logs = names.map((name) => play.ssh.server(name).log()).join("");
      expect(logs).toContain("direct-tcpip");
    },
  );

  it("[check 90] has its member removed by its 64-bit id, after leadership has moved, and then the hook taken off", async () => {
    const play = await stage();
    await play.ssh.layFiles("RKE2");
    const { name } = await play.etcd.leader();
    expect(await play.etcd.idOf(name)).toMatch(/^\d+$/);
    play.deletion(name);
    await expect.poll(() => remove(play, name), { timeout: 60_000 }).toEqual({ kind: "done" });
    const { members } = await Promise.any(play.etcd.members.map(({ client }) => client.members()));
    expect(members.map((each) => each.name).toSorted()).toEqual(names.filter((each) => each !== name));
    expect(play.hooked(name)).toBe(false);
    expect(play.deps.announced.map(({ event }) => event.reason)).toEqual([
      "EtcdLeaderMoved",
      "EtcdMemberRemoved",
    ]);
  });

  it("needs a user who may do nothing but forward where the authority is in a Secret", async () => {
    const play = await stage({
      keyOptions: "restrict,port-forwarding",
      forcedCommand: "false",
      annotations: { "capfn.dev/etcd-snapshot-every": "12h" },
      more: (etcd) => [etcdSecret(etcd.authority)],
    });
    expect(await snapshot(play), said(play)).toEqual({ kind: "done" });
    const logs = names.map((name) => play.ssh.server(name).log()).join("");
    expect(logs).toContain("direct-tcpip");
    expect(logs).not.toContain("Starting session");
  });

  it("gives its space back, member by member", async () => {
    const play = await stage({ annotations: { "capfn.dev/etcd-relieve": "full" } });
    await play.ssh.layFiles("kubeadm");
    for (let writes = 0; writes < 20; writes += 1) await write(play.etcd);
    const relieve = async () =>
      (await stepWorld(play.deps, place.namespace).run(etcdRelieve, [place.cluster]))[place.cluster];
    await expect.poll(relieve, { timeout: 90_000, interval: 1_000 }).toEqual({ kind: "done" });
    for (const { client } of play.etcd.members) {
      expect((await client.status()).dbSizeBytes).toBeLessThan(1_000_000n);
    }
  });

  it("keeps the machine when a host key has changed, and says so", async () => {
    const play = await stage();
    await play.ssh.layFiles("k3s");
    const leader = await play.etcd.leader();
    const [target = "", other = ""] = names.filter((name) => name !== leader.name);
    await play.ssh.server(other).changeHostKey();
    play.deletion(target);
    expect(await remove(play, target)).toMatchObject({ kind: "requeueAfter", reason: "QuorumAtRisk" });
    expect(said(play)).toContain(
      `${play.etcd.member(other).address}: the host does not show a key that is pinned`,
    );
    await play.ssh.server(target).changeHostKey();
    await play.ssh.server(leader.name).changeHostKey();
    for (let looks = 0; looks < 3; looks += 1) {
      expect(await remove(play, target)).toMatchObject({ reason: "EtcdCredentialsMissing" });
    }
    expect(said(play)).toContain("the host does not show a key that is pinned for it");
    expect(play.hooked(target)).toBe(true);
    const { members } = await leader.client.members();
    expect(members).toHaveLength(3);
  });

  it("names what the machines refuse: sudo, forwarding, or that they have no certificate", async () => {
    const refusal = "#!/bin/sh\necho 'sudo: a password is required' >&2\nexit 1\n";
    for (const { files, message, options } of [
      { files: false, message: "allow it in sudoers", options: { programs: { sudo: refusal } } },
      {
        files: false,
        message: "has no client certificate of etcd where RKE2, k3s, kubeadm keep theirs",
        options: {},
      },
      {
        files: true,
        message: "look at AllowTcpForwarding and PermitOpen",
        options: { config: ["AllowTcpForwarding no"] },
      },
    ]) {
      const play = await stage(options);
      if (files) await play.ssh.layFiles("RKE2");
      play.deletion("cp-1");
      expect(await remove(play, "cp-1")).toMatchObject({ kind: "requeueAfter" });
      expect(said(play)).toContain(message);
      expect(said(play)).not.toContain("BEGIN");
      expect(play.hooked("cp-1")).toBe(true);
    }
  });
});
