import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import * as z from "zod";
import type { RemediationStatus } from "#api/remediation.ts";
import { applyExample, DEPLOYMENT, NAMESPACE, prepare } from "#cli/demo/stage.ts";
import { labUsers, startLab, type Lab } from "#cli/lab/lab.ts";
import { startRunningOperator } from "#cli/operator/operator.ts";
import { memoryLedger } from "#events/sources/memory-ledger.ts";
import { readAuditLog } from "#platform/control-plane/audit-log.ts";
import { installManifests } from "#platform/control-plane/install-manifests.ts";
import type { KubeClient } from "#platform/kube/client.ts";
import { apiVersionOf, type KubeObject, type NewObject, type ResourceType } from "#platform/kube/resource.ts";
import {
  harvesterMachines,
  machineRemediations,
  machines,
  pods,
  remediationRequests,
  virtualMachineInstances,
} from "#platform/kube/resources.ts";
import { createLog } from "#platform/observability/log.ts";
import { systemClock } from "#platform/process/clock.ts";
import { FAST_TIMES } from "#platform/simulator/times.ts";
import { testHost } from "#test/support/test-host.ts";
import { objectsIn, repository, titledExample } from "#test/support/documentation.ts";

const clock = systemClock();
const machineHealthChecks: ResourceType = {
  ...machines,
  kind: "MachineHealthCheck",
  plural: "machinehealthchecks",
};
const quick = { stepTimeoutSeconds: 30, cooldownSeconds: 0 };
const CONTROL_PLANE = "demo-cp-0";
const stack = new AsyncDisposableStack();
let lab: Lab;

const workerSchema = z.looseObject({
  metadata: z.looseObject({ name: z.string(), uid: z.string() }),
  status: z
    .looseObject({
      nodeRef: z.looseObject({ name: z.string() }).optional(),
      conditions: z.array(z.looseObject({ type: z.string(), status: z.string() })).default([]),
    })
    .prefault({}),
});

async function all(client: KubeClient, type: ResourceType): Promise<KubeObject[]> {
  const found: KubeObject[] = [];
  for await (const object of client.list(type, { namespace: NAMESPACE })) found.push(object);
  return found;
}

/** A control plane of one, which nobody owns: the cluster's API server runs elsewhere. */
function controlPlaneMachine(): NewObject[] {
  const metadata = {
    name: CONTROL_PLANE,
    namespace: NAMESPACE,
    labels: { "cluster.x-k8s.io/cluster-name": "demo", "cluster.x-k8s.io/control-plane": "" },
  };
  const workersFile = readFileSync(join(repository, "docs", "examples", "workers.yaml"), "utf8");
  const template = objectsIn(workersFile).find(({ kind }) => kind === "HarvesterMachineTemplate")!;
  const { spec } = z
    .looseObject({ template: z.looseObject({ spec: z.looseObject({}) }) })
    .parse(template["spec"]).template;
  const { group: apiGroup, kind } = harvesterMachines;
  return [
    { apiVersion: apiVersionOf(harvesterMachines), kind, metadata, spec },
    {
      apiVersion: apiVersionOf(machines),
      kind: machines.kind,
      metadata,
      spec: {
        clusterName: "demo",
        bootstrap: { dataSecretName: "demo-workers-bootstrap" },
        infrastructureRef: { apiGroup, kind, name: CONTROL_PLANE },
      },
    },
  ];
}

/** The workers that have joined. */
async function workers() {
  return (await joined()).filter(({ name }) => name !== CONTROL_PLANE);
}

/** The Machines that have joined, by name. */
async function joined() {
  const found = (await all(lab.client.management, machines)).map((each) => workerSchema.parse(each));
  return found
    .filter(({ status }) => status.nodeRef !== undefined)
    .map(({ metadata, status }) => ({
      ...metadata,
      node: status.nodeRef!.name,
      conditions: status.conditions,
    }))
    .toSorted((a, b) => a.name.localeCompare(b.name));
}

async function instanceOf(name: string): Promise<string | undefined> {
  const found = await lab.client.harvester.get(virtualMachineInstances, { namespace: NAMESPACE, name });
  return found?.metadata.uid;
}

async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  await vi.waitFor(async () => expect(await holds(), what).toBe(true), { timeout: 120_000, interval: 100 });
}

async function ask(name: string, spec: Record<string, unknown>): Promise<void> {
  await lab.client.management.create(remediationRequests, {
    apiVersion: "capfn.dev/v1alpha1",
    kind: "RemediationRequest",
    metadata: { namespace: NAMESPACE, name },
    spec: { source: "Injection", ...quick, ...spec },
  });
}

async function statusOf(name: string): Promise<RemediationStatus> {
  const found = await lab.client.management.get(remediationRequests, { namespace: NAMESPACE, name });
  return (found?.["status"] ?? {}) as RemediationStatus;
}

async function phase(name: string, wanted: string): Promise<RemediationStatus> {
  await until(`${name} is ${wanted}`, async () => (await statusOf(name)).phase === wanted);
  return statusOf(name);
}

const why = ({ conditions }: RemediationStatus, type: string) =>
  conditions?.find((each) => each.type === type)?.reason;

beforeAll(async () => {
  lab = stack.use(await startLab(testHost(), { times: FAST_TIMES, core: true, workload: true }));
  await prepare(lab, clock);
  const operator = await startRunningOperator({
    management: lab.management.clientConfigFor(labUsers.capfn),
    clock,
    random: Math.random,
    log: createLog("silent", clock),
    ledger: () => memoryLedger(),
    dispatch: true,
    requestsPerSecond: 200,
  });
  stack.defer(() => operator.stop());
  for (const file of ["cluster.yaml", "workers.yaml"]) await applyExample(lab.client.management, clock, file);
  // Cluster API judges no worker's health before a control plane machine has joined.
  await installManifests(lab.client.management, controlPlaneMachine(), clock);
  await until("three workers and a control plane have joined", async () => (await joined()).length === 4);
}, 400_000);

afterAll(() => stack.disposeAsync());

it("a MachineHealthCheck has an unhealthy worker, then the control plane, rebooted: another instance, the same Machine, and all is well [check 102]", async () => {
  const { management } = lab.client;
  const [template, check] = objectsIn(titledExample("remediation: health check").text);
  const selector = { matchLabels: { "cluster.x-k8s.io/cluster-name": "demo" } };
  const unhealthyNodeConditions = [{ type: "Ready", status: "False", timeoutSeconds: 1 }];
  await installManifests(
    management,
    [
      { ...template!, spec: { template: { spec: { steps: ["Reboot"], ...quick } } } },
      { ...check!, spec: { ...(check!["spec"] as object), selector, checks: { unhealthyNodeConditions } } },
    ],
    clock,
  );
  const [aWorker, ...others] = await workers();
  const present = await joined();
  for (const ill of [aWorker!, present.find(({ name }) => name === CONTROL_PLANE)!]) {
    const before = await Promise.all([ill, ...others].map(({ name }) => instanceOf(name)));
    await lab.kubelets!.setReady(ill.node, false);
    await until(`another instance of ${ill.name} runs`, async () => {
      const now = await instanceOf(ill.name);
      return now !== undefined && now !== before[0];
    });
    await until(`${ill.name} is healthy`, async () => {
      const now = (await joined()).find(({ name }) => name === ill.name);
      return now!.conditions.some(({ type, status }) => type === "HealthCheckSucceeded" && status === "True");
    });
    const after = await Promise.all(others.map(({ name }) => instanceOf(name)));
    expect(after).toEqual(before.slice(1));
  }
  expect((await joined()).map(({ uid }) => uid)).toEqual(present.map(({ uid }) => uid));
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
  const { uid } = (await management.get(machineHealthChecks, check!.metadata))!.metadata;
  await management.delete(machineHealthChecks, check!.metadata, { uid });
}, 300_000);

it("an unhealthy storm is refused, told, and the one that stays ill is rebooted when it has passed", async () => {
  const present = await workers();
  const before = await Promise.all(present.map(({ name }) => instanceOf(name)));
  for (const { node } of present) await lab.kubelets!.setReady(node, false);
  await ask("storm", {
    source: "Alert",
    alert: {
      name: "NodeDown",
      fingerprint: "8c3f",
      startsAt: "2026-11-21T10:36:58Z",
      labels: { cluster: "demo", node: present[1]!.node },
    },
  });
  const held = await phase("storm", "Held");
  expect(held.target).toMatchObject({ machine: present[1]!.name, by: "label node" });
  // Started a moment ago is told first; that the others are ill too, when that is over.
  await until(
    "the storm is named",
    async () => why(await statusOf("storm"), "RemediationAllowed") === "RemediationStorm",
  );
  expect(await Promise.all(present.map(({ name }) => instanceOf(name)))).toEqual(before);
  for (const { node } of [present[0]!, present[2]!]) await lab.kubelets!.setReady(node, true);
  const done = await phase("storm", "Succeeded");
  const after = await Promise.all(present.map(({ name }) => instanceOf(name)));
  expect(after.map((uid, index) => uid === before[index])).toEqual([true, false, true]);
  expect(done.steps).toMatchObject([{ name: "Reboot", state: "Succeeded", uid: before[1] }]);
  expect(done.steps![0]!.proof).toContain(`instance ${after[1]} runs; Node ${present[1]!.node} is Ready`);
}, 300_000);

it("a worker is recreated: its Machine is deleted, its owner makes another, nothing of the old VM is left", async () => {
  const [ill, ...others] = await workers();
  await lab.kubelets!.setReady(ill!.node, false);
  await ask("recreate", { target: { machine: ill!.name }, steps: ["Recreate"], stepTimeoutSeconds: 60 });
  const { steps } = await phase("recreate", "Succeeded");
  expect(steps).toMatchObject([{ name: "Recreate", uid: ill!.uid, proof: `Machine ${ill!.uid} is gone` }]);
  await until("another worker has joined", async () => (await workers()).length === 3);
  const now = await workers();
  expect(now.map(({ uid }) => uid)).toEqual(expect.arrayContaining(others.map(({ uid }) => uid)));
  expect(now.map(({ uid }) => uid)).not.toContain(ill!.uid);
  expect(now.every(({ name }) => name.startsWith(DEPLOYMENT))).toBe(true);
  expect(await instanceOf(ill!.name)).toBeUndefined();
}, 300_000);

it("a false report about a healthy worker reboots nothing, and a dry run only tells", async () => {
  const [well, ill] = await workers();
  const before = await instanceOf(well!.name);
  await ask("forged", { target: { machine: well!.name } });
  expect(why(await phase("forged", "Succeeded"), "Remediated")).toBe("NotNeeded");
  expect(await instanceOf(well!.name)).toBe(before);
  await lab.kubelets!.setReady(ill!.node, false);
  const atRisk = await instanceOf(ill!.name);
  await ask("dry", { target: { machine: ill!.name }, dryRun: true });
  await phase("dry", "Planned");
  expect(await instanceOf(ill!.name)).toBe(atRisk);
  await lab.kubelets!.setReady(ill!.node, true);
}, 300_000);

it("a power cycle ends the guest's Pod, of this instance alone and not without its kubelet, and the machine is well on the next", async () => {
  const { harvester } = lab.client;
  const [ill, other] = await workers();
  const before = (await instanceOf(ill!.name))!;
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
  await launcher("launcher-other", (await instanceOf(other!.name))!);
  await lab.kubelets!.setReady(ill!.node, false);
  await ask("power", { target: { machine: ill!.name }, steps: ["PowerCycle"] });
  const ending = async () =>
    (await all(harvester, pods)).filter(({ metadata }) => metadata.deletionTimestamp !== undefined);
  await until("the Pod is to end", async () => (await ending()).length > 0);
  const found = await ending();
  expect(found).toMatchObject([{ metadata: { name: "launcher-ill", deletionGracePeriodSeconds: 1 } }]);
  // What the host's kubelet does when the containers have ended, then KubeVirt when a guest's Pod is gone.
  const labels = { "kubevirt.io/created-by": before };
  await harvester.deleteCollection(pods, { namespace: NAMESPACE, labels, gracePeriodSeconds: 0 });
  await harvester.delete(virtualMachineInstances, { namespace: NAMESPACE, name: ill!.name }, { uid: before });
  const { steps } = await phase("power", "Succeeded");
  expect(steps).toMatchObject([{ name: "PowerCycle", state: "Succeeded", uid: before }]);
}, 300_000);
