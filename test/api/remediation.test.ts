import { afterAll, beforeAll, expect, it } from "vitest";
import { DEPLOYMENT, NAMESPACE } from "#cli/demo/stage.ts";
import { labUsers, type Lab } from "#cli/lab/lab.ts";
import { readAuditLog } from "#platform/control-plane/audit-log.ts";
import { machineRemediations, pods, virtualMachineInstances } from "#platform/kube/resources.ts";
import {
  all,
  controlPlaneMachine,
  healthCheck,
  machineHealthChecks,
  remediationStage,
  until,
  why,
  type RemediationStage,
} from "#test/support/remediation-stage.ts";

const CONTROL_PLANE = "demo-cp-0";
const stack = new AsyncDisposableStack();
let stage: RemediationStage;
let lab: Lab;

/** The workers that have joined. */
async function workers() {
  return (await stage.joined()).filter(({ name }) => name !== CONTROL_PLANE);
}

beforeAll(async () => {
  stage = await remediationStage(stack);
  ({ lab } = stage);
  // Cluster API judges no worker's health before a control plane machine has joined. This one is a control plane of one, which nobody owns.
  await stage.install(controlPlaneMachine(CONTROL_PLANE));
  await until(
    "three workers and a control plane have joined",
    async () => (await stage.joined()).length === 4,
  );
}, 400_000);

afterAll(() => stack.disposeAsync());

it("a MachineHealthCheck has an unhealthy worker, then the control plane, rebooted: another instance, the same Machine, and all is well [check 102]", async () => {
  const { management } = lab.client;
  const selector = { matchLabels: { "cluster.x-k8s.io/cluster-name": "demo" } };
  const unhealthyNodeConditions = [{ type: "Ready", status: "False", timeoutSeconds: 1 }];
  const objects = healthCheck("reboot-first", {
    policy: { steps: ["Reboot"] },
    check: { selector, checks: { unhealthyNodeConditions } },
  });
  await stage.install(objects);
  const [aWorker, ...others] = await workers();
  const present = await stage.joined();
  for (const ill of [aWorker!, present.find(({ name }) => name === CONTROL_PLANE)!]) {
    const before = await Promise.all([ill, ...others].map(({ name }) => stage.instanceOf(name)));
    await lab.kubelets!.setReady(ill.node, false);
    await until(`another instance of ${ill.name} runs`, async () => {
      const now = await stage.instanceOf(ill.name);
      return now !== undefined && now !== before[0];
    });
    await until(`${ill.name} is healthy`, async () => {
      const now = (await stage.joined()).find(({ name }) => name === ill.name);
      return now!.conditions.some(({ type, status }) => type === "HealthCheckSucceeded" && status === "True");
    });
    const after = await Promise.all(others.map(({ name }) => stage.instanceOf(name)));
    expect(after).toEqual(before.slice(1));
  }
  expect((await stage.joined()).map(({ uid }) => uid)).toEqual(present.map(({ uid }) => uid));
  await until(
    "the request is taken back",
    async () => (await all(management, machineRemediations)).length === 0,
  );
  // It may have been there for a moment only.
  const asked: string[] = [];
  for await (const { user, verb, code, requestUri } of readAuditLog(lab.management.auditLogPath))
    if (requestUri.includes("/machineremediations") && code < 300) asked.push(`${verb} by ${user}`);
  expect(asked).toEqual(
    expect.arrayContaining([
      `create by ${labUsers.core}`,
      `delete by ${labUsers.core}`,
      `patch by ${labUsers.capfn}`,
    ]),
  );
  const { metadata: check } = objects[1]!;
  const { uid } = (await management.get(machineHealthChecks, check))!.metadata;
  await management.delete(machineHealthChecks, check, { uid });
}, 300_000);

it("an unhealthy storm is refused, told, and the one that stays ill is rebooted when it has passed", async () => {
  const present = await workers();
  const before = await Promise.all(present.map(({ name }) => stage.instanceOf(name)));
  for (const { node } of present) await lab.kubelets!.setReady(node, false);
  await stage.ask("storm", {
    source: "Alert",
    alert: {
      name: "NodeDown",
      fingerprint: "8c3f",
      startsAt: "2026-11-21T10:36:58Z",
      labels: { cluster: "demo", node: present[1]!.node },
    },
  });
  const held = await stage.phase("storm", "Held");
  expect(held.target).toMatchObject({ machine: present[1]!.name, by: "label node" });
  // Started a moment ago is told first; that the others are ill too, when that is over.
  await until(
    "the storm is named",
    async () => why(await stage.statusOf("storm"), "RemediationAllowed") === "RemediationStorm",
  );
  expect(await Promise.all(present.map(({ name }) => stage.instanceOf(name)))).toEqual(before);
  for (const { node } of [present[0]!, present[2]!]) await lab.kubelets!.setReady(node, true);
  const done = await stage.phase("storm", "Succeeded");
  const after = await Promise.all(present.map(({ name }) => stage.instanceOf(name)));
  expect(after.map((uid, index) => uid === before[index])).toEqual([true, false, true]);
  expect(done.steps).toMatchObject([{ name: "Reboot", state: "Succeeded", uid: before[1] }]);
  expect(done.steps![0]!.proof).toContain(`instance ${after[1]} runs; Node ${present[1]!.node} is Ready`);
}, 300_000);

it("a worker is recreated: its Machine is deleted, its owner makes another, nothing of the old VM is left", async () => {
  const [ill, ...others] = await workers();
  await lab.kubelets!.setReady(ill!.node, false);
  await stage.ask("recreate", {
    target: { machine: ill!.name },
    steps: ["Recreate"],
    stepTimeoutSeconds: 60,
  });
  const { steps } = await stage.phase("recreate", "Succeeded");
  expect(steps).toMatchObject([{ name: "Recreate", uid: ill!.uid, proof: `Machine ${ill!.uid} is gone` }]);
  await until("another worker has joined", async () => (await workers()).length === 3);
  const now = await workers();
  expect(now.map(({ uid }) => uid)).toEqual(expect.arrayContaining(others.map(({ uid }) => uid)));
  expect(now.map(({ uid }) => uid)).not.toContain(ill!.uid);
  expect(now.every(({ name }) => name.startsWith(DEPLOYMENT))).toBe(true);
  expect(await stage.instanceOf(ill!.name)).toBeUndefined();
}, 300_000);

it("a false report about a healthy worker reboots nothing, and a dry run only tells", async () => {
  const [well, ill] = await workers();
  const before = await stage.instanceOf(well!.name);
  await stage.ask("forged", { target: { machine: well!.name } });
  expect(why(await stage.phase("forged", "Succeeded"), "Remediated")).toBe("NotNeeded");
  expect(await stage.instanceOf(well!.name)).toBe(before);
  await lab.kubelets!.setReady(ill!.node, false);
  const atRisk = await stage.instanceOf(ill!.name);
  await stage.ask("dry", { target: { machine: ill!.name }, dryRun: true });
  await stage.phase("dry", "Planned");
  expect(await stage.instanceOf(ill!.name)).toBe(atRisk);
  await lab.kubelets!.setReady(ill!.node, true);
}, 300_000);

it("a power cycle ends the guest's Pod, of this instance alone and not without its kubelet, and the machine is well on the next", async () => {
  const { harvester } = lab.client;
  const [ill, other] = await workers();
  const before = (await stage.instanceOf(ill!.name))!;
  /** The simulator's guests run in no Pod, so these stand for them; bound to a host, they would not go by themselves. */
  const launcher = (name: string, uid: string) =>
    harvester.create(pods, {
      apiVersion: "v1",
      kind: "Pod",
      metadata: { namespace: NAMESPACE, name, labels: { "kubevirt.io/created-by": uid } },
      spec: {
        nodeName: "harvester-1",
        automountServiceAccountToken: false,
        containers: [{ name: "compute", image: "virt-launcher" }],
      },
    });
  await launcher("launcher-ill", before);
  await launcher("launcher-other", (await stage.instanceOf(other!.name))!);
  await lab.kubelets!.setReady(ill!.node, false);
  await stage.ask("power", { target: { machine: ill!.name }, steps: ["PowerCycle"] });
  const ending = async () =>
    (await all(harvester, pods)).filter(({ metadata }) => metadata.deletionTimestamp !== undefined);
  await until("the Pod is to end", async () => (await ending()).length > 0);
  const found = await ending();
  expect(found).toMatchObject([{ metadata: { name: "launcher-ill", deletionGracePeriodSeconds: 1 } }]);
  // What the host's kubelet does when the containers have ended, then KubeVirt when a guest's Pod is gone.
  const labels = { "kubevirt.io/created-by": before };
  await harvester.deleteCollection(pods, { namespace: NAMESPACE, labels, gracePeriodSeconds: 0 });
  await harvester.delete(virtualMachineInstances, { namespace: NAMESPACE, name: ill!.name }, { uid: before });
  const { steps } = await stage.phase("power", "Succeeded");
  expect(steps).toMatchObject([{ name: "PowerCycle", state: "Succeeded", uid: before }]);
}, 300_000);
