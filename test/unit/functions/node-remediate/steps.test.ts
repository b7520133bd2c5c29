import { expect, test } from "vitest";
import { machines, pods, virtualMachines } from "#platform/kube/resources.ts";
import { place } from "#test/support/cluster-objects.ts";
import { bench, deleteMachine, host, targetOf } from "./remediation-world.ts";

test("an ill machine is rebooted: the step is written down, then exactly its instance is deleted", async () => {
  const b = bench("m-1");
  expect(await b.run()).toMatchObject({
    kind: "waitFor",
    timeoutMs: 300_000,
    targets: [{ ref: { name: "m-1" } }, { ref: { name: "m-1" } }],
  });
  expect(b.instance("m-1")).toBeUndefined();
  expect(b.instance("m-2")).toBeDefined();
  expect(b.status()).toMatchObject({
    phase: "Running",
    steps: [{ name: "Reboot", attempt: 1, state: "Running", reason: "NodeNotReady", uid: "m-1-first" }],
  });
  expect(b.why("RemediationAllowed")).toBe("Allowed");
  const writes = b.deps.summary().filter((line) => !line.includes(" get "));
  expect(writes).toEqual([
    "management mergePatch remediationrequests/status demo/r",
    "harvester delete virtualmachineinstances vms/m-1",
  ]);
  expect(b.deps.announced.map(({ regarding, event }) => [regarding.type.kind, event.reason])).toEqual([
    ["RemediationRequest", "RemediationReboot"],
    ["Machine", "RemediationReboot"],
  ]);
});

test("a machine whose Node is Ready on a new instance is well, and the status proves it", async () => {
  const b = bench("m-1");
  await b.run();
  b.startAnew("m-1", 20);
  expect(await b.run(20)).toMatchObject({ kind: "waitFor", timeoutMs: 280_000 });
  b.setReady("m-1", "True");
  expect(await b.run(40)).toEqual({ kind: "done" });
  expect(b.status()).toMatchObject({
    phase: "Succeeded",
    steps: [
      {
        state: "Succeeded",
        proof: "instance m-1-first is gone, instance m-1-second runs; Node m-1 is Ready",
        finishedAt: "2026-01-01T01:00:40Z",
      },
    ],
  });
  expect(b.why("Remediated")).toBe("Healthy");
  expect(await b.needs()).toBe(false);
  expect(b.deps.counted).toEqual(["capfn_remediation_steps_total", "capfn_remediation_succeeded_total"]);
});

test("a Node that is Ready from before the restart proves nothing: another boot of it does", async () => {
  const b = bench("m-1");
  b.setReady("m-1", "False", "boot-1");
  await b.run();
  expect(b.status().steps).toMatchObject([{ name: "Reboot", bootID: "boot-1" }]);
  // It recovered just before its guest was stopped, and nobody has missed its kubelet yet.
  b.setReady("m-1", "True", "boot-1");
  b.startAnew("m-1", 5);
  expect(await b.run(5)).toMatchObject({ kind: "waitFor", timeoutMs: 295_000 });
  expect(b.status()).toMatchObject({ phase: "Running" });
  b.setReady("m-1", "True", "boot-2");
  expect(await b.run(40)).toEqual({ kind: "done" });
  expect(b.status()).toMatchObject({ phase: "Succeeded", steps: [{ state: "Succeeded" }] });
});

test("a Node that says nothing after the restart is not well when the time is over", async () => {
  const b = bench("m-1");
  b.setReady("m-1", "False", "boot-1");
  await b.run();
  b.setReady("m-1", "True", "boot-1");
  b.startAnew("m-1", 5);
  await b.run(300);
  expect(b.status().steps).toMatchObject([
    { state: "TimedOut", proof: "instance m-1-first is gone; the Node has not reported since" },
  ]);
});

test("when a reboot does not help the VM is power cycled, then a person is told; every step says why it ended", async () => {
  const b = bench("m-1");
  await b.run();
  b.startAnew("m-1", 0);
  await b.run(300);
  b.deps.harvesterApi.put({
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: "second", namespace: place.target, labels: { "kubevirt.io/created-by": "m-1-second" } },
  });
  await b.run(301);
  expect(b.status().steps).toMatchObject([
    { name: "Reboot", state: "TimedOut", proof: "instance m-1-first is gone; Node m-1 is not Ready" },
    { name: "PowerCycle", state: "Running", uid: "m-1-second" },
  ]);
  expect(b.deps.harvesterApi.peek(pods, { namespace: "vms", name: "second" })).toBeUndefined();
  // Only the Pod of this instance, and never without the word of its kubelet.
  expect(b.deps.harvesterApi.peek(pods, { namespace: "vms", name: "virt-launcher-m-2" })).toBeDefined();
  const cut = b.deps.requests.find(({ verb }) => verb === "deleteCollection");
  expect(cut?.body).toMatchObject({
    labels: { "kubevirt.io/created-by": "m-1-second" },
    gracePeriodSeconds: 1,
  });
  await b.settle(601);
  expect(b.status()).toMatchObject({ phase: "Escalated", steps: [{}, { state: "TimedOut" }] });
  expect(b.deps.announced.at(-1)).toMatchObject({
    regarding: { type: { kind: "Machine" } },
    event: { type: "Warning", reason: "RemediationEscalated" },
  });
  expect(b.deps.counted.at(-1)).toBe("capfn_remediation_escalated_total");
});

test("a guest is not cut off on a host that does not report: two instances on one disk would destroy it", async () => {
  const b = bench("m-1", {}, { spec: { steps: ["PowerCycle"] } });
  b.deps.harvesterApi.put(host("Unknown"));
  await b.settle();
  expect(b.status()).toMatchObject({
    phase: "Escalated",
    steps: [{ name: "PowerCycle", state: "Skipped", reason: "HostNotReady" }],
  });
  expect(b.deps.requests.some(({ verb }) => verb === "deleteCollection")).toBe(false);
});

test("a machine is recreated by deleting its Machine, under its uid, and that is done when it is gone", async () => {
  const b = bench("m-1", {}, { spec: { steps: ["Recreate"] } });
  await b.run();
  const [deleted] = b.deps.requests.filter(({ verb }) => verb === "delete");
  expect(deleted).toMatchObject({ plural: "machines", name: "m-1", body: { uid: "uid-Machine-m-1" } });
  await b.run(10);
  expect(b.status()).toMatchObject({
    phase: "Succeeded",
    steps: [{ name: "Recreate", state: "Succeeded", proof: "Machine uid-Machine-m-1 is gone" }],
  });
});

test("a deletion that does not end in time is left to a person", async () => {
  const b = bench("m-1", {}, { spec: { steps: ["Recreate"] } });
  b.edit(machines, "m-1", ({ metadata }) => (metadata.finalizers = ["machine.cluster.x-k8s.io"]));
  await b.run();
  expect(await b.run(10)).toMatchObject({ kind: "waitFor", timeoutMs: 290_000 });
  await b.run(301);
  expect(b.status().steps).toMatchObject([
    { state: "TimedOut", proof: "the Machine is still being deleted" },
  ]);
});

test("a Machine that nothing owns is not recreated, unless that is asked for", async () => {
  const unowned = bench("m-1", {}, { spec: { steps: ["Recreate"] } });
  unowned.edit(machines, "m-1", ({ metadata }) => delete metadata.ownerReferences);
  await unowned.settle();
  expect(unowned.status()).toMatchObject({
    phase: "Escalated",
    steps: [{ name: "Recreate", state: "Skipped", reason: "NoOwner" }],
  });
  expect(unowned.deps.requests.some(({ verb }) => verb === "delete")).toBe(false);
  const asked = bench("m-1", {}, { spec: { steps: ["Recreate"], recreateUnowned: true } });
  asked.edit(machines, "m-1", ({ metadata }) => delete metadata.ownerReferences);
  await asked.run();
  expect(asked.deps.requests.some(({ verb }) => verb === "delete")).toBe(true);
});

test("the only machine of a control plane is rebooted, never recreated", async () => {
  const b = bench("cp-0", { controlPlanes: 1 }, { spec: { steps: ["Recreate", "Reboot"] } });
  await b.settle();
  expect(b.status().steps).toMatchObject([
    { name: "Recreate", state: "Skipped", reason: "LastControlPlane" },
    { name: "Reboot", state: "Running" },
  ]);
});

test.each([
  ["NotRestarted", "runStrategy", "Manual"],
  ["NoVM", "labels", { "capfn.dev/owner-uid": "somebody" }],
])("a VM is not touched when that would do no good: %s", async (reason, what, value) => {
  const b = bench("m-1");
  const vm = b.deps.harvesterApi.peek(virtualMachines, { namespace: "vms", name: "m-1" })!;
  if (what === "labels") vm.metadata.labels = value as Record<string, string>;
  else vm["spec"] = { runStrategy: value };
  b.deps.harvesterApi.put(vm);
  await b.settle();
  expect(b.status().steps).toMatchObject([
    { name: "Reboot", state: "Skipped", reason },
    { name: "PowerCycle", state: "Skipped", reason },
  ]);
  expect(b.status().phase).toBe("Escalated");
  expect(b.instance("m-1")).toBeDefined();
});

test("each step is taken as often as maxAttempts says", async () => {
  const b = bench("m-1", {}, { spec: { steps: ["Reboot"], maxAttempts: 2, stepTimeoutSeconds: 10 } });
  await b.run();
  b.startAnew("m-1", 0);
  await b.settle(11);
  expect(b.status().steps).toMatchObject([
    { attempt: 1, state: "TimedOut" },
    { attempt: 2, state: "Running", uid: "m-1-second" },
  ]);
});

test("a step that cannot be taken is not tried again, however many attempts there are", async () => {
  const b = bench("m-1", {}, { spec: { steps: ["Reboot"], maxAttempts: 3 } });
  const vm = b.deps.harvesterApi.peek(virtualMachines, { namespace: "vms", name: "m-1" })!;
  b.deps.harvesterApi.put({ ...vm, spec: { runStrategy: "Manual" } });
  await b.settle();
  expect(b.status().steps).toMatchObject([{ state: "Skipped", reason: "NotRestarted" }]);
  expect(b.status().steps).toHaveLength(1);
  expect(b.status().phase).toBe("Escalated");
});

test("a dry run says what would be done, and does nothing", async () => {
  const b = bench("m-1", {}, { spec: { dryRun: true } });
  await b.settle();
  expect(b.status()).toMatchObject({ phase: "Planned", target: targetOf("m-1")["target"] });
  expect(b.status().conditions?.find(({ type }) => type === "Remediated")?.message).toBe(
    "Node m-1 is not Ready; Reboot would be taken",
  );
  expect(b.deps.requests.map(({ verb }) => verb)).toEqual(["mergePatch"]);
});

test("a MachineRemediation is judged by the MachineHealthCheck that made it, also while the Node is Ready", async () => {
  const b = bench("m-1", {}, { byHealthCheck: true });
  b.setReady("m-1", "True");
  await b.run();
  expect(b.status()).toMatchObject({
    phase: "Running",
    target: { by: "ownerReference", machine: "m-1", cluster: "demo" },
    steps: [{ name: "Reboot", reason: "UnhealthyNode" }],
  });
  b.startAnew("m-1", 10);
  expect(await b.run(20)).toMatchObject({ kind: "waitFor" });
  b.edit(machines, "m-1", (object) => {
    object["status"] = {
      nodeRef: { name: "m-1" },
      conditions: [{ type: "HealthCheckSucceeded", status: "True", reason: "HealthCheckSucceeded" }],
    };
  });
  await b.run(30);
  expect(b.status().phase).toBe("Succeeded");
});

test("a machine that is not on Harvester can be recreated, not restarted", async () => {
  const b = bench("m-1", {}, { spec: { steps: ["Reboot", "Recreate"] } });
  b.edit(machines, "m-1", (object) => {
    (object["spec"] as Record<string, unknown>)["infrastructureRef"] = { kind: "DockerMachine", name: "m-1" };
  });
  await b.settle();
  expect(b.status().steps).toMatchObject([{ reason: "NotOnHarvester" }, { name: "Recreate" }]);
});

test("nothing remains to be looked at once a remediation has ended", async () => {
  const b = bench("m-1");
  deleteMachine(b, "m-1");
  await b.settle();
  expect(b.status().phase).toBe("Closed");
  expect(b.why("Remediated")).toBe("MachineDeleted");
  expect(await b.needs()).toBe(false);
});
