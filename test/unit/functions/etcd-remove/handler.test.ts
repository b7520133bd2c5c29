import { describe, expect, it } from "vitest";
import { etcdRemove } from "#functions/cluster-api/etcd-remove/function.ts";
import type { Outcome } from "#functions/contract/outcome.ts";
import { KubeError } from "#platform/kube/errors.ts";
import type { KubeObject } from "#platform/kube/resource.ts";
import { machines } from "#platform/kube/resources.ts";
import { cluster, place } from "#test/support/cluster-objects.ts";
import { createAuthority } from "#test/support/etcd-cluster.ts";
import { fakeDeps, type FakeDeps, type FakeDepsOptions } from "#test/support/step-deps.ts";
import { stepWorld } from "#test/support/step-world.ts";
import {
  AT_HOOK,
  condition,
  controlPlane,
  controlPlaneMachine,
  etcdSecret,
  HOOK,
  PAST_HOOKS,
} from "#test/unit/functions/etcd-remove/control-plane.ts";

const deleted = "2026-01-01T00:10:00Z";
const now = new Date("2026-01-01T01:00:00Z");
const atHook = { hook: true, deleted, phase: AT_HOOK };

const workload = "workload/demo/demo";

/** `connection`: what the hub knows of the way to the workload cluster's API server. */
async function run(
  deps: FakeDeps,
  name = "cp-1",
  connection: object = { state: "failed", reason: "Unreachable" },
): Promise<Outcome | undefined> {
  const world = stepWorld(deps, place.namespace, { hub: { [workload]: connection } });
  return (await world.run(etcdRemove, [name]))[name];
}

function machine(deps: FakeDeps, name = "cp-1"): KubeObject | undefined {
  return deps.management.peek(machines, { namespace: place.namespace, name });
}

/** Writes, in short. */
const writes = (deps: FakeDeps) => deps.summary().filter((line) => line.includes("Patch"));

const noAnswer = new KubeError({
  reason: "unavailable",
  message: "no answer",
  dependency: "workload/demo/demo",
});

/** Nobody answers: no etcd member, and the API server of the cluster only if it is said to. */
async function silent(since?: string, answers: Partial<FakeDepsOptions> = { workloadError: noAnswer }) {
  const conditions =
    since === undefined ? [] : [condition("EtcdMemberRemoved", "Unknown", "EtcdUnreachable", since)];
  const authority = await createAuthority("rsa");
  return fakeDeps({
    now,
    management: [
      cluster(),
      etcdSecret(authority),
      controlPlaneMachine("cp-1", { ...atHook, conditions }),
      controlPlaneMachine("cp-2"),
    ],
    ...answers,
  });
}

describe("the step for a control plane Machine", () => {
  it("puts the hook on with one write, under the version it saw", async () => {
    const deps = fakeDeps({ management: controlPlane([controlPlaneMachine("cp-1")]) });
    expect(await run(deps)).toEqual({ kind: "done" });
    expect(deps.summary()).toEqual(["management mergePatch machines demo/cp-1"]);
    expect(machine(deps)?.metadata.annotations?.[HOOK]).toBe("capfn");
  });

  it("takes the hook off without a look at etcd when the whole Cluster goes", async () => {
    const deps = fakeDeps({
      management: controlPlane([controlPlaneMachine("cp-1", atHook)], {
        metadata: { deletionTimestamp: deleted },
      }),
    });
    await run(deps);
    expect(writes(deps)).toEqual(["management jsonPatch machines demo/cp-1"]);
    expect(machine(deps)?.metadata.annotations?.[HOOK]).toBeUndefined();
  });

  it("does nothing on a stale event: the Machine as a quorum read has it is not at its hook", async () => {
    const deps = fakeDeps({ management: controlPlane([controlPlaneMachine("cp-1", atHook)]) });
    const world = stepWorld(deps, place.namespace);
    const lookup = await world.snapshot(etcdRemove);
    for (const state of [{ hook: true }, { deleted, phase: AT_HOOK }, { ...atHook, phase: "DrainingNode" }]) {
      deps.management.put(controlPlaneMachine("cp-1", state));
      expect(await world.run(etcdRemove, ["cp-1"], { lookup })).toEqual({ "cp-1": { kind: "done" } });
    }
    expect(writes(deps)).toEqual([]);
  });

  it("does nothing for a namesake", async () => {
    const deps = fakeDeps({ management: controlPlane([controlPlaneMachine("cp-1", atHook)]) });
    const world = stepWorld(deps, place.namespace);
    const lookup = await world.snapshot(etcdRemove);
    const namesake = controlPlaneMachine("cp-1", atHook) as { metadata: object };
    deps.management.put({ ...namesake, metadata: { ...namesake.metadata, uid: "another" } });
    await world.run(etcdRemove, ["cp-1"], { lookup });
    expect(deps.summary()).toEqual(["management get machines demo/cp-1"]);
  });

  it("waits for the Machine that was deleted before, and for one whose hook is through", async () => {
    for (const other of [
      { ...atHook, deleted: "2026-01-01T00:09:00Z" },
      { deleted: "2026-01-01T00:11:00Z", phase: PAST_HOOKS },
    ]) {
      const deps = fakeDeps({
        management: controlPlane([controlPlaneMachine("cp-1", atHook), controlPlaneMachine("cp-2", other)]),
      });
      expect(await run(deps)).toMatchObject({
        kind: "waitFor",
        reason: "Machine cp-2 of the same control plane goes first",
      });
      expect(writes(deps)).toEqual([]);
    }
  });

  it("does not wait for one that was deleted before and cannot go while others are not well: it may be one of them", async () => {
    const deps = await silent();
    const put = (reason: string) =>
      deps.management.put(
        controlPlaneMachine("cp-2", {
          ...atHook,
          deleted: "2026-01-01T00:09:00Z",
          conditions: [condition("EtcdMemberRemoved", "False", reason)],
        }),
      );
    put("QuorumAtRisk");
    expect(await run(deps)).toMatchObject({ kind: "requeueAfter" });
    put("MemberUnclear");
    expect(await run(deps)).toMatchObject({ kind: "waitFor" });
  });

  it("does not wait for a Machine that is still drained", async () => {
    const deps = await silent();
    deps.management.put(
      controlPlaneMachine("cp-2", { hook: true, deleted: "2026-01-01T00:09:00Z", phase: "DrainingNode" }),
    );
    expect(await run(deps)).toMatchObject({ kind: "requeueAfter" });
  });

  it("[check 91] says on the Machine, by Event and by counter that etcd does not answer, and looks again", async () => {
    const deps = await silent();
    expect(await run(deps)).toEqual({ kind: "requeueAfter", afterMs: 30_000, reason: "EtcdUnreachable" });
    expect(machine(deps)).toMatchObject({
      metadata: { annotations: { [HOOK]: "capfn" } },
      status: {
        conditions: [
          { type: "Deleting" },
          {
            type: "EtcdMemberRemoved",
            status: "Unknown",
            reason: "EtcdUnreachable",
            lastTransitionTime: "2026-01-01T01:00:00Z",
          },
        ],
      },
    });
    expect(deps.counted).toEqual(["caphv_etcd_member_remove_errors_total"]);
    expect(deps.announced.map(({ event }) => event.reason)).toEqual(["EtcdUnreachable"]);
    const before = writes(deps).length;
    await run(deps);
    expect(writes(deps)).toHaveLength(before);
  });

  it("[check 91] lets the Machine go when two looks after ten minutes find everything silent, and says what may be left", async () => {
    expect(await run(await silent("2026-01-01T00:50:01Z"))).toMatchObject({ kind: "requeueAfter" });
    const deps = await silent("2026-01-01T00:50:00Z");
    expect(await run(deps)).toMatchObject({ kind: "requeueAfter", reason: "EtcdUnreachable" });
    expect(machine(deps)?.metadata.annotations?.[HOOK]).toBe("capfn");
    expect(await run(deps)).toEqual({ kind: "done" });
    expect(machine(deps)?.metadata.annotations?.[HOOK]).toBeUndefined();
    expect(deps.announced.map(({ event }) => event.reason)).toEqual([
      "EtcdUnreachable",
      "EtcdUnreachable",
      "EtcdMemberNotRemoved",
    ]);
  });

  it.each([
    [{ state: "failed", reason: "SecretNotFound", message: "Secret demo/demo-kubeconfig does not exist" }],
    [{ state: "failed", reason: "SecretUnreadable", message: "its Secret cannot be read" }],
    [{ state: "failed", reason: "KubeconfigInvalid", message: "the kubeconfig has no server" }],
    [{ state: "failed", reason: "Unauthorized", message: "the API server refuses the credentials" }],
    [{ state: "connecting" }],
  ])("takes an API server that it cannot ask for no silence: %o", async (connection) => {
    const deps = await silent("2026-01-01T00:10:00Z");
    for (let looks = 0; looks < 3; looks += 1) {
      expect(await run(deps, "cp-1", connection)).toMatchObject({ reason: "EtcdUnreachable" });
    }
    expect(machine(deps)?.metadata.annotations?.[HOOK]).toBe("capfn");
    const why = "message" in connection ? connection.message : "it is being connected to";
    expect(machine(deps)).toMatchObject({
      status: { conditions: [{}, { status: "False", message: expect.stringContaining(why) as string }] },
    });
  });

  it("takes a request that is not answered for silence, though the connection was well", async () => {
    const deps = await silent("2026-01-01T00:50:00Z");
    await run(deps, "cp-1", { state: "connected" });
    expect(await run(deps, "cp-1", { state: "connected" })).toEqual({ kind: "done" });
  });

  it("wants the connection to the workload cluster that it asks, and does its work without", async () => {
    const deps = fakeDeps({ management: controlPlane([controlPlaneMachine("cp-1", atHook)]) });
    const { edges, need, blockedOn } = await stepWorld(deps, place.namespace, {
      down: ["workload"],
    }).evaluate(etcdRemove, "cp-1");
    const wanted = edges.filter((edge) => edge.kind === "object" && edge.ref.connection === workload);
    expect(wanted).toMatchObject([{ optional: true, wake: "none" }]);
    expect([need, blockedOn]).toEqual([true, []]);
  });

  it("says what to do when etcd is to be reached in a way that there is not, or without the Secret for it", async () => {
    for (const [way, message] of [
      ["pod", "annotation capfn.dev/etcd-access of the Cluster must be ssh, or be taken off"],
      ["ssh", "Secret demo-ssh with the access over SSH does not exist"],
    ] as const) {
      const deps = await silent();
      deps.management.put(cluster({ metadata: { annotations: { "capfn.dev/etcd-access": way } } }));
      expect(await run(deps)).toMatchObject({ reason: "EtcdCredentialsMissing" });
      expect(deps.announced[0]?.event.message).toContain(message);
    }
  });

  it("never lets the Machine go while the API server of the cluster answers: its etcd has a quorum", async () => {
    const forbidden = new KubeError({
      reason: "forbidden",
      message: "no",
      status: 403,
      dependency: "workload",
    });
    for (const answers of [{}, { workloadError: forbidden }]) {
      const deps = await silent("2026-01-01T00:10:00Z", answers);
      const withoutKey = await silent("2026-01-01T00:10:00Z", answers);
      withoutKey.management.put(etcdSecret({ certPem: "x", keyPem: "" }));
      for (const [world, reason] of [
        [deps, "EtcdUnreachable"],
        [withoutKey, "EtcdCredentialsMissing"],
      ] as const) {
        for (let looks = 0; looks < 3; looks += 1) {
          expect(await run(world)).toEqual({ kind: "requeueAfter", afterMs: 30_000, reason });
        }
        expect(machine(world)?.metadata.annotations?.[HOOK]).toBe("capfn");
        expect(machine(world)).toMatchObject({
          status: { conditions: [{}, { type: "EtcdMemberRemoved", status: "False", reason }] },
        });
      }
    }
  });

  it("says what is wrong with the authority, and nothing of its content", async () => {
    const good = await createAuthority("ec");
    const other = await createAuthority("ec");
    for (const pair of [
      { certPem: "not PEM", keyPem: "secret" },
      { certPem: good.certPem, keyPem: other.keyPem },
    ]) {
      const deps = fakeDeps({
        now,
        management: [cluster(), etcdSecret(pair), controlPlaneMachine("cp-1", atHook)],
      });
      expect(await run(deps)).toMatchObject({ kind: "requeueAfter", reason: "EtcdCredentialsMissing" });
      const said = JSON.stringify([machine(deps), deps.announced]);
      expect(said).toContain("Secret demo-etcd");
      expect(said).not.toContain(pair.keyPem.slice(0, 6) === "secret" ? "secret" : pair.keyPem.slice(40, 80));
    }
  });

  it("only tells what it finds when the control plane provider removes members", async () => {
    const deps = fakeDeps({
      now,
      management: controlPlane([
        controlPlaneMachine("cp-1", {
          deleted,
          phase: PAST_HOOKS,
          owner: {
            apiVersion: "controlplane.cluster.x-k8s.io/v1beta2",
            kind: "KubeadmControlPlane",
            controller: true,
          },
        }),
      ]),
    });
    expect(await run(deps)).toEqual({ kind: "done" });
    expect(machine(deps)).toMatchObject({
      status: { conditions: [{}, { type: "EtcdMemberRemoved", status: "Unknown" }] },
    });
    expect(deps.counted).toEqual(["caphv_etcd_member_remove_errors_total"]);
  });

  it("takes a hook that is gone already, or a Machine that is gone, for success", async () => {
    const make = () =>
      fakeDeps({
        management: controlPlane([controlPlaneMachine("cp-1", atHook)], {
          metadata: { deletionTimestamp: deleted },
        }),
      });
    const stolen = make();
    stolen.management.beforeNextWrite(
      () => void stolen.management.put(controlPlaneMachine("cp-1", { ...atHook, hook: false })),
    );
    expect(await run(stolen)).toEqual({ kind: "done" });
    const gone = make();
    gone.management.beforeNextWrite(() =>
      gone.management.drop(machines, { namespace: place.namespace, name: "cp-1" }),
    );
    expect(await run(gone)).toEqual({ kind: "done" });
    const lost = make();
    const error = new KubeError({ reason: "unavailable", message: "lost", dependency: "management" });
    lost.management.failOn({ verb: "jsonPatch" }, error, { moment: "after" });
    await expect(run(lost)).rejects.toThrow("lost");
    expect(await run(lost)).toEqual({ kind: "done" });
  });
});
