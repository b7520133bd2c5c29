import { afterEach, describe, expect, test } from "vitest";
import * as z from "zod";
import { etcdRemove } from "#functions/cluster-api/etcd-remove/function.ts";
import type { Outcome } from "#functions/contract/outcome.ts";
import { machines } from "#platform/kube/resources.ts";
import { sleep, systemClock } from "#platform/process/clock.ts";
import { cluster as capiCluster, place } from "#test/support/cluster-objects.ts";
import { startEtcdCluster, type TestEtcdCluster, type TestEtcdOptions } from "#test/support/etcd-cluster.ts";
import { etcdProgramsHere } from "#test/support/etcd-programs.ts";
import { fakeDeps, type FakeDeps } from "#test/support/step-deps.ts";
import { stepWorld } from "#test/support/step-world.ts";
import {
  AT_HOOK,
  controlPlaneMachine,
  etcdSecret,
  HOOK,
  type MachineState,
} from "#test/unit/functions/etcd-remove/control-plane.ts";

const clock = systemClock();
const statusSchema = z.object({
  status: z.object({ conditions: z.array(z.looseObject({ type: z.string() })) }),
});
const deleted = "2026-01-01T00:10:00Z";
const atHook: MachineState = { hook: true, deleted, phase: AT_HOOK };

/** A control plane: real etcd members, and a Machine for each as Cluster API keeps it. */
interface Stage {
  readonly etcd: TestEtcdCluster;
  readonly deps: FakeDeps;
  /** Asks for the deletion of a Machine and takes it to its hook. */
  deletion(name: string, over?: MachineState): void;
  run(name: string): Promise<Outcome | undefined>;
  /** Names of the members a quorum agrees on. */
  members(): Promise<string[]>;
  hooked(name: string): boolean;
  condition(name: string): unknown;
}

const open: TestEtcdCluster[] = [];

afterEach(async () => {
  await Promise.all(open.splice(0).map((each) => each[Symbol.asyncDispose]()));
});

async function stage(names: readonly string[], options: TestEtcdOptions): Promise<Stage> {
  const etcd = await startEtcdCluster(names, options);
  open.push(etcd);
  const addresses = new Map(etcd.members.map(({ name, address }) => [name, address]));
  const put = (name: string, state: MachineState) =>
    controlPlaneMachine(name, { address: addresses.get(name) ?? "127.9.9.9", ...state });
  const deps = fakeDeps({
    now: new Date(clock.now()),
    management: [
      capiCluster(),
      etcdSecret(etcd.authority),
      ...names.map((name) => put(name, { hook: true })),
    ],
  });
  const machine = (name: string) => deps.management.peek(machines, { namespace: place.namespace, name });
  return {
    etcd,
    deps,
    deletion: (name, over = {}) => void deps.management.put(put(name, { ...atHook, ...over })),
    run: async (name) => (await stepWorld(deps, place.namespace).run(etcdRemove, [name]))[name],
    members: async () => {
      const { members } = await Promise.any(etcd.members.map(({ client }) => client.members()));
      return members.map(({ name }) => name).toSorted();
    },
    hooked: (name) => machine(name)?.metadata.annotations?.[HOOK] !== undefined,
    condition: (name) => {
      const { status } = statusSchema.parse(machine(name));
      return status.conditions.find(({ type }) => type === "EtcdMemberRemoved");
    },
  };
}

const events = ({ deps }: Stage) => deps.announced.map(({ event }) => event.reason);

async function follower({ etcd }: Stage): Promise<string> {
  const leader = await etcd.leader();
  return etcd.members.find((each) => each !== leader)?.name ?? expect.fail();
}

describe.each(await etcdProgramsHere())("$title:", (program) => {
  const staged = (names: readonly string[], options: TestEtcdOptions = {}) =>
    stage(names, { ...options, program });

  describe("the etcd member of a control plane machine that is deleted", () => {
    test("[check 90] is removed by its id before the hook goes, once, and the others are well", async () => {
      const play = await staged(["cp-1", "cp-2", "cp-3"]);
      const name = await follower(play);
      const id = await play.etcd.idOf(name);
      expect(id).toMatch(/^\d+$/);
      play.deletion(name);
      expect(await play.run(name)).toEqual({ kind: "done" });
      expect(await play.members()).toEqual(["cp-1", "cp-2", "cp-3"].filter((each) => each !== name));
      expect(play.hooked(name)).toBe(false);
      expect(events(play)).toEqual(["EtcdMemberRemoved"]);
      expect(play.deps.counted).toEqual(["caphv_etcd_member_remove_total"]);
      await expect.poll(async () => (await play.etcd.leader()).name).not.toBe(name);
    });

    test("gives leadership away first when it leads", async () => {
      const play = await staged(["cp-1", "cp-2", "cp-3"]);
      const { name } = await play.etcd.leader();
      play.deletion(name);
      await expect.poll(() => play.run(name), { timeout: 30_000 }).toEqual({ kind: "done" });
      expect(await play.members()).not.toContain(name);
      expect(events(play)).toEqual(["EtcdLeaderMoved", "EtcdMemberRemoved"]);
    });

    test("is removed when it is down, leader or not", async () => {
      const play = await staged(["cp-1", "cp-2", "cp-3"]);
      const { name, process } = await play.etcd.leader();
      await process.stop();
      play.deletion(name);
      await expect.poll(() => play.run(name), { timeout: 60_000, interval: 1_000 }).toEqual({ kind: "done" });
      expect(await play.members()).toHaveLength(2);
      expect(events(play).filter((reason) => reason === "EtcdMemberRemoved")).toHaveLength(1);
    });

    test("[check 90] stays while another member is down or frozen, because the quorum would be lost; then it is removed", async () => {
      const play = await staged(["cp-1", "cp-2", "cp-3"]);
      const leader = await play.etcd.leader();
      const [target = expect.fail(), other = expect.fail()] = play.etcd.members.filter(
        (each) => each !== leader,
      );
      other.process.signal("STOP");
      play.deletion(target.name);
      expect(await play.run(target.name)).toMatchObject({ kind: "requeueAfter", reason: "QuorumAtRisk" });
      expect(play.condition(target.name)).toMatchObject({
        status: "False",
        reason: "QuorumAtRisk",
        message: `2 of the 2 voters that would be left must be well, 1 is: member ${other.name} does not answer`,
      });
      expect(await play.members()).toHaveLength(3);
      expect(play.hooked(target.name)).toBe(true);
      other.process.signal("CONT");
      await expect
        .poll(() => play.run(target.name), { timeout: 60_000, interval: 1_000 })
        .toEqual({ kind: "done" });
      expect(await play.members()).not.toContain(target.name);
    });

    test("stays when there is no quorum any more, even if it is down itself", async () => {
      const play = await staged(["cp-1", "cp-2", "cp-3"]);
      const [first = expect.fail(), second = expect.fail(), third = expect.fail()] = play.etcd.members;
      await Promise.all([first.process.stop(), second.process.stop()]);
      play.deletion(first.name);
      expect(await play.run(first.name)).toMatchObject({ kind: "requeueAfter", reason: "NoQuorum" });
      await third.process.stop();
      expect(await play.run(first.name)).toMatchObject({ kind: "requeueAfter", reason: "EtcdUnreachable" });
      expect(play.hooked(first.name)).toBe(true);
    });

    test("of two voters is removed when the other is well, and stays when it is not", async () => {
      const well = await staged(["cp-1", "cp-2"]);
      const name = await follower(well);
      well.deletion(name);
      expect(await well.run(name)).toEqual({ kind: "done" });
      expect(await well.members()).toHaveLength(1);

      const ill = await staged(["cp-1", "cp-2"]);
      await ill.etcd.member("cp-2").process.stop();
      ill.deletion("cp-1");
      expect(await ill.run("cp-1")).toMatchObject({ kind: "requeueAfter", reason: "NoQuorum" });
      expect(ill.hooked("cp-1")).toBe(true);
    });

    test("[check 90] is not removed when it is the last one; its machine goes only when no other machine is there to join", async () => {
      const play = await staged(["cp-1"]);
      play.deps.management.put(controlPlaneMachine("cp-2", { hook: true }));
      play.deletion("cp-1");
      expect(await play.run("cp-1")).toMatchObject({ kind: "requeueAfter", reason: "LastVoter" });
      play.deps.management.drop(machines, { namespace: place.namespace, name: "cp-2" });
      expect(await play.run("cp-1")).toEqual({ kind: "done" });
      expect(await play.members()).toEqual(["cp-1"]);
      expect(play.hooked("cp-1")).toBe(false);
      expect(events(play).at(-1)).toBe("LastEtcdMember");
    });

    test("waits while another member joins, unless it is the learner itself", async () => {
      const play = await staged(["cp-1", "cp-2", "cp-3"]);
      const name = await follower(play);
      const address = await play.etcd.addUnstarted({ learner: true });
      play.deletion(name);
      expect(await play.run(name)).toMatchObject({ reason: "MemberJoining" });
      await play.etcd.join("cp-4", address);
      expect(await play.run(name)).toMatchObject({ reason: "MemberJoining" });
      expect(await play.members()).toHaveLength(4);
      play.deletion("cp-4", { address, deleted: "2026-01-01T00:05:00Z" });
      expect(await play.run("cp-4")).toEqual({ kind: "done" });
      expect(await play.members()).toEqual(["cp-1", "cp-2", "cp-3"]);
    });

    test("is never one whose name only begins like that of the machine's Node", async () => {
      const play = await staged(["cp", "cp-2-ab12", "cp-0f3a9c1d"]);
      play.deletion("cp");
      await expect.poll(() => play.run("cp"), { timeout: 30_000 }).toEqual({ kind: "done" });
      expect(await play.members()).toEqual(["cp-0f3a9c1d", "cp-2-ab12"]);
      expect(await play.run("cp")).toEqual({ kind: "done" });
      expect(await play.members()).toHaveLength(2);
    });

    test("may have been removed by somebody else already", async () => {
      const play = await staged(["cp-1", "cp-2", "cp-3"]);
      const name = await follower(play);
      const leader = await play.etcd.leader();
      await leader.client.removeMember(await play.etcd.idOf(name));
      play.deletion(name);
      expect(await play.run(name)).toEqual({ kind: "done" });
      expect(await play.members()).toHaveLength(2);
      expect(events(play)).toEqual(["EtcdMemberAbsent"]);
      expect(play.deps.counted).toEqual([]);
    });

    test("of five voters goes one by one when two are deleted at once, each after the other machine is gone", async () => {
      const names = ["cp-1", "cp-2", "cp-3", "cp-4", "cp-5"];
      const play = await staged(names);
      play.deletion("cp-4");
      play.deletion("cp-5");
      expect(await play.run("cp-5")).toMatchObject({
        kind: "waitFor",
        reason: "Machine cp-4 of the same control plane goes first",
      });
      await expect.poll(() => play.run("cp-4"), { timeout: 30_000 }).toEqual({ kind: "done" });
      expect(await play.run("cp-5")).toMatchObject({ kind: "waitFor" });
      expect(await play.members()).toHaveLength(4);
      play.deps.management.drop(machines, { namespace: place.namespace, name: "cp-4" });
      play.deps.management.put(controlPlaneMachine("cp-6"));
      expect(await play.run("cp-5")).toMatchObject({ reason: "ReplacementJoining" });
      const address = await play.etcd.addUnstarted({ learner: false });
      play.deps.management.put(controlPlaneMachine("cp-6", { address }));
      expect(await play.run("cp-5")).toMatchObject({ reason: "MemberJoining" });
      await play.etcd.join("cp-6", address);
      await sleep(clock, 5_200);
      await expect
        .poll(() => play.run("cp-5"), { timeout: 60_000, interval: 1_000 })
        .toEqual({ kind: "done" });
      expect(await play.members()).toEqual(["cp-1", "cp-2", "cp-3", "cp-6"]);
    });
  });

  describe("a network that is cut between the check and the removal", () => {
    const cutAt =
      (fault: "before" | "after", times = 1): NonNullable<TestEtcdOptions["faults"]> =>
      (_, path) => {
        if (path !== "cluster/member/remove" || times === 0) return undefined;
        times -= 1;
        return fault;
      };

    test.each([
      ["before the request arrives", "before", 3],
      ["before the answer does", "after", 2],
    ] as const)("%s leads to a new look, and the member goes once", async (_, fault, left) => {
      const play = await staged(["cp-1", "cp-2", "cp-3"], { faults: cutAt(fault) });
      const name = await follower(play);
      play.deletion(name);
      expect(await play.run(name)).toMatchObject({
        kind: "requeueAfter",
        reason: "etcd: remove unreachable",
      });
      expect(await play.members()).toHaveLength(left);
      expect(play.hooked(name)).toBe(true);
      await expect.poll(() => play.run(name), { timeout: 30_000, interval: 1_000 }).toEqual({ kind: "done" });
      expect(await play.members()).toHaveLength(2);
      expect(play.hooked(name)).toBe(false);
    });

    test("and takes another member with it, makes etcd itself refuse, and then the check", async () => {
      let victim: (() => Promise<void>) | undefined;
      const play = await staged(["cp-1", "cp-2", "cp-3"], {
        faults: async (_, path) => {
          if (path === "cluster/member/remove") {
            await victim?.();
            await sleep(clock, 1_000);
          }
          return undefined;
        },
      });
      const leader = await play.etcd.leader();
      const [target = expect.fail(), other = expect.fail()] = play.etcd.members.filter(
        (each) => each !== leader,
      );
      // The request goes to the leader or to `other`; whichever it is, `other` is dead when it arrives.
      victim = () => other.process.stop();
      play.deletion(target.name);
      expect(await play.run(target.name)).toMatchObject({ kind: "requeueAfter" });
      victim = undefined;
      expect(await play.members()).toHaveLength(3);
      expect(await play.run(target.name)).toMatchObject({ reason: "QuorumAtRisk" });
      expect(await play.members()).toHaveLength(3);
    });

    test("nothing is removed by a process that has lost the lead since it looked", async () => {
      const play = await staged(["cp-1", "cp-2", "cp-3"]);
      const name = await follower(play);
      play.deletion(name);
      Object.assign(play.deps, {
        ensureMayWrite: () => {
          throw new Error("no longer leading");
        },
      });
      await expect(play.run(name)).rejects.toThrow("no longer leading");
      expect(await play.members()).toHaveLength(3);
      expect(play.hooked(name)).toBe(true);
    });
  });
});
