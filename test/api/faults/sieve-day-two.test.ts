import { expect, test } from "vitest";
import { allFunctions } from "#cli/functions.ts";
import type { Deps } from "#functions/contract/deps.ts";
import type { StepFunction } from "#functions/contract/function.ts";
import { clusters, machines, remediationRequests } from "#platform/kube/resources.ts";
import { controlPlane } from "#test/chaos/control-plane.ts";
import {
  askForRemediation,
  createJoined,
  daysLeft,
  makeCertificateDue,
  remediationOf,
} from "#test/chaos/day-two-scenarios.ts";
import { fromPools } from "#test/chaos/manifests.ts";
import type { CallTrigger, Fault, Plan } from "#test/chaos/plan.ts";
import { openPlay, type Play } from "#test/chaos/trial.ts";
import { expectSound, faultStage } from "#test/api/faults/stage.ts";

const stage = faultStage();

type Call = Omit<CallTrigger, "at" | "nth">;

const instanceDeleted: Call = {
  by: "node-remediate",
  api: "H",
  verb: "delete",
  resource: "virtualmachineinstances",
  name: "TRIAL-m1",
};
const memberRemoved: Call = {
  by: "etcd-remove",
  api: "E",
  verb: "delete",
  resource: "members",
  name: "cp2",
};

/** A play in which the operator ends at the first call of this name, and another one starts. */
function killedAt(
  kind: Extract<Fault["kind"], "crash-before" | "crash-after">,
  call: Call,
  functions: readonly StepFunction[] = allFunctions,
): Play {
  const faults = [{ fault: { kind }, trigger: { at: "call", ...call, nth: 1 } }] satisfies Plan["faults"];
  return openPlay(stage.theatre(), {
    functions,
    plan: { seed: 1, scenario: "by hand", faults },
    seed: 1,
  });
}

async function prepared(play: Play): Promise<void> {
  await play.actor.prepare([["pool", 10, 19]], { cluster: fromPools(play.names, "pool") });
  await play.lives.start();
}

/** The functions, with something that happens once, right before one of them makes the change it has decided on. */
function meanwhile(
  before: (deps: Deps, interrupt: () => Promise<void>) => Deps,
  happens: () => Promise<void>,
): StepFunction[] {
  let happened: Promise<void> | undefined;
  const interrupt = (): Promise<void> => (happened ??= happens());
  return allFunctions.map((fn) => ({
    ...fn,
    run: (items, lookup, deps) => fn.run(items, lookup, before(deps, interrupt)),
  }));
}

function beforeDeletion(kind: string) {
  return (deps: Deps, interrupt: () => Promise<void>): Deps => ({
    ...deps,
    harvester: async (identity) => {
      const client = await deps.harvester(identity);
      return {
        ...client,
        delete: async (type, name, options) => {
          if (type.kind === kind) await interrupt();
          return client.delete(type, name, options);
        },
      };
    },
  });
}

function beforeRemoval(deps: Deps, interrupt: () => Promise<void>): Deps {
  return {
    ...deps,
    etcdMember: (endpoint) => {
      const client = deps.etcdMember(endpoint);
      const removeMember = async (id: string): Promise<void> => {
        await interrupt();
        await client.removeMember(id);
      };
      return { ...client, removeMember };
    },
  };
}

const instances = ({ history, names }: Play): number =>
  new Set(
    history.observations.flatMap(({ resource, object }) =>
      resource === "virtualmachineinstances" && object.metadata.name === names.machine("m1")
        ? [object.metadata.uid]
        : [],
    ),
  ).size;

const members = ({ history }: Play): string[] =>
  history
    .all("E", "members")
    .map(({ metadata }) => metadata.name)
    .toSorted();

test.each(["crash-before", "crash-after"] as const)(
  "S4: a certificate that is replaced, with %s at the write of the new one, is replaced once and serves",
  async (kind) => {
    await using play = killedAt(kind, {
      by: "cert-reissue",
      api: "M",
      verb: "patch",
      resource: "secrets",
      name: "TRIAL-kubeconfig",
    });
    const { actor, director, lives } = play;
    await prepared(play);
    await makeCertificateDue(actor);
    await actor.until("another certificate is there", () => daysLeft(actor) > 100);
    await actor.createMachine("m1");
    await actor.provisioned("m1");
    await play.rest();
    expect([director.fired, lives.count]).toEqual([1, 2]);
    expect(play.ending().counts.get("certificate in TRIAL/TRIAL-kubeconfig")).toBe("2 made, 0 gone");
    expectSound(play);
  },
);

test("S4: killed between the end of an instance and the start of the next, the machine is well again after one reboot", async () => {
  await using play = killedAt("crash-after", instanceDeleted);
  const { actor, director, lives } = play;
  await prepared(play);
  await createJoined(actor, "m1", "m2");
  await askForRemediation(actor, "m1", { steps: ["Reboot"] });
  await actor.until("m1 is remediated", () => remediationOf(actor, "m1").phase === "Succeeded");
  await play.rest();
  expect([director.fired, lives.count, instances(play)]).toEqual([1, 2, 2]);
  expect(remediationOf(actor, "m1").steps).toMatchObject([{ name: "Reboot", state: "Succeeded" }]);
  expectSound(play);
});

test("S4: killed between the move of leadership and the removal of the member that led, the member goes", async () => {
  await using play = killedAt("crash-after", {
    by: "etcd-remove",
    api: "E",
    verb: "update",
    resource: "leader",
    name: "cp1",
  });
  const { actor, director, lives } = play;
  await prepared(play);
  const { askToDelete, deleteFurther } = await controlPlane(actor);
  await askToDelete("cp1");
  await deleteFurther("cp1");
  await play.rest();
  expect([director.fired, lives.count]).toEqual([1, 2]);
  expect(members(play)).toEqual(["cp2", "cp3"]);
  expectSound(play);
});

const reverted: readonly (readonly [string, (play: Play) => Promise<void>, string])[] = [
  [
    "the alert ended",
    async ({ actor, names }) => {
      const at = { namespace: names.namespace, name: names.machine("m1") };
      const alert = { endsAt: "2026-01-01T00:10:00Z" };
      await actor.theatre.clients.M.mergePatch(remediationRequests, at, { spec: { alert } });
    },
    "Closed",
  ],
  [
    "the node recovered",
    ({ actor, names }) => actor.theatre.workload.setReady(names.machine("m1"), true),
    "Succeeded",
  ],
];

test.each(reverted)(
  "S5: when %s between the record of a reboot and the reboot, the machine is not rebooted",
  async (_, revert, phase) => {
    const functions = meanwhile(beforeDeletion("VirtualMachineInstance"), () => revert(play));
    await using play: Play = killedAt("crash-before", instanceDeleted, functions);
    const { actor, director, lives } = play;
    await prepared(play);
    await createJoined(actor, "m1", "m2");
    const alert = { name: "NodeDown", fingerprint: "0a1b2c3d4e5f6071", startsAt: "2026-01-01T00:00:00Z" };
    await askForRemediation(actor, "m1", { steps: ["Reboot"], source: "Alert", alert });
    await actor.until("the request has ended", () => remediationOf(actor, "m1").phase === phase);
    await play.rest();
    expect([director.fired, lives.count, instances(play)]).toEqual([1, 2, 1]);
    expect(remediationOf(actor, "m1").steps).toMatchObject([{ name: "Reboot", state: "Skipped" }]);
    expectSound(play);
  },
);

test("S5: when the Cluster is paused between the decision to delete a VM and its deletion, the VM stays until the pause ends", async () => {
  const pause = async (paused: boolean): Promise<void> => {
    const { actor, names } = play;
    const at = { namespace: names.namespace, name: names.cluster };
    await actor.theatre.clients.M.mergePatch(clusters, at, { spec: { paused } });
  };
  const functions = meanwhile(beforeDeletion("VirtualMachine"), () => pause(true));
  await using play: Play = killedAt(
    "crash-before",
    { by: "vm-delete", api: "H", verb: "delete", resource: "virtualmachines", name: "TRIAL-m1" },
    functions,
  );
  const { actor, history, lives, names } = play;
  await prepared(play);
  await actor.createMachine("m1");
  await actor.provisioned("m1");
  await actor.deleteMachine("m1");
  await expect.poll(() => lives.count === 2 && lives.idle, { timeout: 60_000 }).toBe(true);
  await play.rest();
  const vm = history.get("H", "virtualmachines", `${names.target}/${names.machine("m1")}`);
  expect(vm?.metadata).toMatchObject({ name: names.machine("m1") });
  expect(vm?.metadata.deletionTimestamp).toBeUndefined();
  await pause(false);
  await actor.gone("m1");
  await play.rest();
  expect(lives.count).toBe(2);
  expectSound(play);
});

test("S5: when the control plane provider takes over between the decision to remove a member and its removal, the member is left to it", async () => {
  const functions = meanwhile(beforeRemoval, async () => {
    const { actor, names } = play;
    const at = { namespace: names.namespace, name: names.machine("cp2") };
    const annotations = { "pre-terminate.delete.hook.machine.cluster.x-k8s.io/kcp-cleanup": "" };
    await actor.theatre.clients.M.mergePatch(machines, at, { metadata: { annotations } });
  });
  await using play: Play = killedAt("crash-before", memberRemoved, functions);
  const { actor, director, lives } = play;
  await prepared(play);
  const { askToDelete, isHeld } = await controlPlane(actor);
  await askToDelete("cp2");
  await actor.until("the hook is withdrawn", () => !isHeld("cp2"));
  await play.rest();
  expect([director.fired, lives.count]).toEqual([1, 2]);
  expect(members(play)).toEqual(["cp1", "cp2", "cp3"]);
  expectSound(play, { removedByProvider: true });
});
