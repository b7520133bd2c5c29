import { expect, test } from "vitest";
import type { KubeObject } from "#platform/kube/resource.ts";
import { machineRemediations, machines, remediationRequests } from "#platform/kube/resources.ts";
import { bench, condition, deleteMachine, destroyed, type RemediationBench } from "./remediation-world.ts";

const three = { controlPlanes: 3, workers: 3 };
const recreate = { spec: { steps: ["Recreate"] } };

/** The Machines of the control plane belong to a provider, as it writes it. */
function ownedBy(b: RemediationBench, kind = "KubeadmControlPlane"): void {
  const apiVersion = "controlplane.cluster.x-k8s.io/v1beta2";
  for (const name of ["cp-0", "cp-1", "cp-2"])
    b.edit(machines, name, ({ metadata }) => {
      metadata.ownerReferences = [{ apiVersion, kind, name: "demo", uid: "uid-kcp", controller: true }];
    });
}

interface MachineStatus {
  conditions: { type: string; status: string; reason: string }[];
  deprecated?: { v1beta1: { conditions: { type: string; status: string; severity?: string }[] } };
}

const statusOf = (object: KubeObject | undefined) => object?.["status"] as MachineStatus;
const machineStatus = (b: RemediationBench, name: string) =>
  statusOf(b.deps.management.peek(machines, { namespace: "demo", name }));

/** What the MachineHealthCheck or the provider writes. */
function say(b: RemediationBench, name: string, said: ReturnType<typeof condition>) {
  b.edit(machines, name, (object) => {
    const status = statusOf(object);
    status.conditions = [...status.conditions.filter(({ type }) => type !== said.type), said];
  });
}

test.each([true, false])(
  "a Machine of a control plane provider is recreated by its owner, asked for in the conditions it reads (health check: %s)",
  async (byHealthCheck) => {
    const b = bench("cp-1", three, { ...recreate, byHealthCheck });
    ownedBy(b);
    expect(await b.run()).toMatchObject({ kind: "waitFor" });
    expect(destroyed(b)).toEqual([]);
    const status = machineStatus(b, "cp-1");
    const asked = { type: "OwnerRemediated", status: "False", reason: "WaitingForRemediation" };
    expect(status.conditions).toEqual(expect.arrayContaining([expect.objectContaining(asked)]));
    expect(status.conditions.map(({ type }) => type)).toContain("HealthCheckSucceeded");
    expect(status.deprecated?.v1beta1.conditions).toMatchObject([{ ...asked, severity: "Warning" }]);
    const type = byHealthCheck ? machineRemediations : remediationRequests;
    const [write] = b.deps.requests.filter(
      ({ plural, verb }) => plural === "machines" && verb === "mergePatch",
    );
    expect(write?.body).toMatchObject({ metadata: { resourceVersion: expect.any(String) as string } });
    expect(
      b.deps.requests.filter(({ plural, verb }) => plural === type.plural && verb === "mergePatch"),
    ).toHaveLength(1);
    await b.settle(10);
    expect(b.status().phase).toBe("Running");
    expect(
      b.deps.requests.filter(({ plural, verb }) => plural === "machines" && verb === "mergePatch"),
    ).toHaveLength(1);
    deleteMachine(b, "cp-1");
    b.edit(machines, "cp-1", ({ metadata }) => (metadata.finalizers = ["machine.cluster.x-k8s.io"]));
    await b.settle(20);
    expect(b.status().phase).toBe("Running");
  },
);

test("what the provider has answered stands, and is told when it does not replace the Machine in time", async () => {
  const b = bench("cp-1", three, { ...recreate, byHealthCheck: true });
  ownedBy(b);
  say(b, "cp-1", condition("OwnerRemediated", "False", "CannotBeRemediated"));
  await b.run();
  expect(machineStatus(b, "cp-1").conditions.find(({ type }) => type === "OwnerRemediated")?.reason).toBe(
    "CannotBeRemediated",
  );
  await b.settle(301);
  expect(b.status()).toMatchObject({
    phase: "Escalated",
    steps: [
      { state: "TimedOut", proof: "KubeadmControlPlane has not replaced the Machine: CannotBeRemediated" },
    ],
  });
});

test("a provider that took the request back, as the Machine is well again, has nothing more to do", async () => {
  const b = bench("cp-1", three, { ...recreate, byHealthCheck: true });
  ownedBy(b);
  await b.run();
  b.edit(machines, "cp-1", (object) => {
    const status = statusOf(object);
    status.conditions = [condition("HealthCheckSucceeded", "True", "Succeeded")];
  });
  await b.settle(20);
  expect(b.status()).toMatchObject({ phase: "Succeeded", steps: [{ name: "Recreate", state: "Skipped" }] });
  expect(destroyed(b)).toEqual([]);
});

test("without a MachineHealthCheck that looks at the Machine its provider would do nothing, and a person is told", async () => {
  const b = bench("cp-1", three, recreate);
  ownedBy(b, "RKE2ControlPlane");
  b.edit(machines, "cp-1", (object) => {
    statusOf(object).conditions = [];
  });
  await b.settle();
  expect(b.status()).toMatchObject({
    phase: "Escalated",
    steps: [{ name: "Recreate", state: "Skipped", reason: "NoHealthCheck" }],
  });
  expect(b.status().steps?.[0]?.proof).toMatch(/^RKE2ControlPlane replaces only Machines/);
});

test("while the MachineHealthCheck does not agree yet, the Machine's provider is not asked", async () => {
  const b = bench("cp-1", three, recreate);
  ownedBy(b);
  say(b, "cp-1", condition("HealthCheckSucceeded", "True", "Succeeded"));
  await b.settle();
  expect(b.status().phase).toBe("Held");
  expect(b.why("RemediationAllowed")).toBe("WaitingForHealthCheck");
  say(b, "cp-1", condition("HealthCheckSucceeded", "False", "UnhealthyNode"));
  await b.settle(1);
  expect(b.status().phase).toBe("Running");
});

test("the control plane Machine of no provider is deleted itself: its etcd member goes by the hook", async () => {
  const b = bench("cp-1", three, recreate);
  await b.run();
  expect(destroyed(b)).toMatchObject([{ plural: "machines", name: "cp-1" }]);
});
