import { describe, expect, it } from "vitest";
import { etcdRemove } from "#functions/cluster-api/etcd-remove/function.ts";
import { cluster, place } from "#test/support/cluster-objects.ts";
import { fakeDeps } from "#test/support/step-deps.ts";
import { stepWorld } from "#test/support/step-world.ts";
import {
  AT_HOOK,
  condition,
  controlPlane,
  controlPlaneMachine,
  etcdSecret,
  PAST_HOOKS,
  type MachineState,
} from "#test/unit/functions/etcd-remove/control-plane.ts";

const kcp = {
  apiVersion: "controlplane.cluster.x-k8s.io/v1beta2",
  kind: "KubeadmControlPlane",
  controller: true,
};
const kcpHook = { "pre-terminate.delete.hook.machine.cluster.x-k8s.io/kcp-cleanup": "" };
const rke2Hook = { "pre-terminate.delete.hook.machine.cluster.x-k8s.io/rke2-cleanup": "" };
const deleted = "2026-01-01T00:10:00Z";

async function duty(objects: readonly object[], machine = "cp-1"): Promise<unknown> {
  const world = stepWorld(fakeDeps({ management: objects }), place.namespace);
  const { need, inputs } = await world.evaluate(etcdRemove, machine);
  return need === false ? "none" : (inputs as { duty: string }).duty;
}

const of = (state: MachineState, over: Parameters<typeof cluster>[0] = {}) =>
  duty(controlPlane([controlPlaneMachine("cp-1", state)], over));

describe("what there is to do for a Machine", () => {
  const table: readonly [string, MachineState, string][] = [
    ["a control plane Machine of nobody's gets the hook", {}, "guard"],
    ["with the hook it is left alone", { hook: true }, "none"],
    ["one on other infrastructure is left alone", { infrastructure: "DockerMachine" }, "none"],
    ["one of KubeadmControlPlane is left to it", { owner: kcp }, "none"],
    ["one with KubeadmControlPlane's hook is left to it", { annotations: kcpHook }, "none"],
    ["one with RKE2ControlPlane's hook is left to it", { annotations: rke2Hook }, "none"],
    [
      "a hook of ours goes when KubeadmControlPlane takes over, also in the middle of the deletion",
      { hook: true, annotations: kcpHook, deleted, phase: AT_HOOK },
      "withdraw",
    ],
    ["a paused Machine is left alone", { annotations: { "cluster.x-k8s.io/paused": "" } }, "none"],
    ["nothing is removed while the Node is drained", { hook: true, deleted, phase: "DrainingNode" }, "none"],
    ["at the hook the member is removed", { hook: true, deleted, phase: AT_HOOK }, "remove"],
    [
      "not when clusterctl moves the Machine away",
      {
        hook: true,
        deleted,
        phase: AT_HOOK,
        annotations: { "clusterctl.cluster.x-k8s.io/delete-for-move": "" },
      },
      "none",
    ],
    ["a Machine deleted without the hook gets none late", { deleted, phase: "DrainingNode" }, "none"],
    [
      "while KubeadmControlPlane has not let go, nothing is verified",
      { owner: kcp, annotations: kcpHook, deleted, phase: AT_HOOK },
      "none",
    ],
    ["once it has, it is verified", { owner: kcp, deleted, phase: PAST_HOOKS }, "verify"],
    [
      "what was found is said once",
      {
        owner: kcp,
        deleted,
        phase: PAST_HOOKS,
        conditions: [condition("EtcdMemberRemoved", "False", "EtcdMemberLeft")],
      },
      "none",
    ],
  ];
  it("where etcd is reached over SSH, the Secret for that is what a hook is put on for", async () => {
    const overSsh = cluster({ metadata: { annotations: { "capfn.dev/etcd-access": "ssh" } } });
    const sshSecret = {
      apiVersion: "v1",
      kind: "Secret",
      metadata: { name: `${place.cluster}-ssh`, namespace: place.namespace },
    };
    const machine = controlPlaneMachine("cp-1");
    expect(await duty([overSsh, machine])).toBe("none");
    expect(await duty([overSsh, etcdSecret(), machine])).toBe("none");
    expect(await duty([overSsh, sshSecret, machine])).toBe("guard");
    expect(await duty([cluster(), sshSecret, machine])).toBe("none");
  });

  it.each(table)("%s", async (_, state, expected) => {
    expect(await of(state)).toBe(expected);
  });

  it("is nothing for a worker", async () => {
    const worker = controlPlaneMachine("cp-1") as { metadata: { labels: Record<string, string> } };
    delete worker.metadata.labels["cluster.x-k8s.io/control-plane"];
    expect(await duty(controlPlane([worker]))).toBe("none");
  });

  it("is nothing without the Secret of etcd's authority, because then no member could be removed", async () => {
    expect(await duty([cluster(), controlPlaneMachine("cp-1")])).toBe("none");
    expect(await duty([cluster(), etcdSecret(), controlPlaneMachine("cp-1")])).toBe("guard");
  });

  it("is nothing while the Cluster is paused, and to let the Machine go when the Cluster goes", async () => {
    const atHook = { hook: true, deleted, phase: AT_HOOK };
    expect(await of(atHook, { spec: { paused: true } })).toBe("none");
    expect(await of(atHook, { metadata: { deletionTimestamp: deleted } })).toBe("withdraw");
    expect(await of({}, { metadata: { deletionTimestamp: deleted } })).toBe("none");
  });

  it("holds one removal per Cluster, whichever of its Machines it is for", async () => {
    const atHook = { hook: true, deleted, phase: AT_HOOK };
    const machines = ["cp-1", "cp-2"].map((name) => controlPlaneMachine(name, atHook));
    const world = stepWorld(fakeDeps({ management: controlPlane(machines) }), place.namespace);
    const keys = await Promise.all(
      ["cp-1", "cp-2"].map(async (name) => (await world.evaluate(etcdRemove, name)).key),
    );
    expect(keys).toEqual(["cluster/uid-Cluster-demo", "cluster/uid-Cluster-demo"]);
  });
});
