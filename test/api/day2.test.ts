import { afterAll, beforeAll, describe, expect, it } from "vitest";
import * as z from "zod";
import { DEPLOYMENT, NAMESPACE } from "#cli/demo/stage.ts";
import { labUsers } from "#cli/lab/lab.ts";
import { events, pods, remediationRequests, virtualMachineInstances } from "#platform/kube/resources.ts";
import { INGRESS_TOKEN, quickPolicy } from "#test/e2e/day2/capfn-process.ts";
import { instanceOf, joined, untilJoined, workers } from "#test/e2e/day2/machines.ts";
import { phase, requests, why } from "#test/e2e/day2/remediation.ts";
import { all } from "#test/e2e/day2/objects.ts";
import { openDay2, type Day2 } from "#test/e2e/day2/stage.ts";
import { day2Scenarios } from "#test/e2e/day2/suite.ts";
import { until } from "#test/e2e/until.ts";
import { testHost } from "#test/support/control-planes.ts";
import { alertmanagerPackage, debianPackage } from "#test/support/debian-programs.ts";

let stage: Day2;

beforeAll(async () => {
  stage = await openDay2(testHost());
}, 1_200_000);
afterAll(() => stage[Symbol.asyncDispose]());

const LONG = { timeout: 400_000 };

/** Plays a scenario of `npm run e2e -- day2` and tells how it came out. */
async function play(name: string): Promise<void> {
  const scenario = day2Scenarios.find((each) => each.name === name) ?? expect.fail(`no scenario ${name}`);
  played.add(name);
  const began = performance.now();
  const proof = await scenario.play(stage);
  process.stdout.write(`${name}, ${Math.round((performance.now() - began) / 1000)} s: ${proof}\n`);
}
const played = new Set<string>();

describe("npm run e2e -- day2", LONG, () => {
  it("a MachineHealthCheck has an unhealthy worker, then the control plane, rebooted: another instance, the same Machine, and all is well [check 102]", () =>
    play("unhealthy-by-health-check"));

  it("an alert of Prometheus has an unhealthy worker rebooted, and another while the ingress is killed twice on the way", async (context) => {
    played.add("unhealthy-by-alert");
    for (const found of [await debianPackage("prometheus"), await alertmanagerPackage()])
      if ("missing" in found) return context.skip(found.missing);
    await play("unhealthy-by-alert");
  });

  it("an injected node.unhealthy has an unhealthy worker rebooted, and does nothing to a healthy one", () =>
    play("unhealthy-by-injection"));

  it("while another etcd member does not answer none is removed, and the machine waits [check 90]", () =>
    play("etcd-refused"));

  it("Cluster API waits with a machine until its etcd member is gone, one machine after the other, down to the last [check 90]", () =>
    play("etcd-removed"));

  it("the leaked address of an exhausted pool goes to the machine that waits", () => play("pool-reclaimed"));

  it("a client certificate that ends in seconds is replaced in time, and the API server takes the new one", () =>
    play("certificate-renewed"));

  it("a parked machine is replayed when a person has mended what was in its way", () =>
    play("parked-replayed"));

  it("has no scenario besides these", () => {
    expect([...played].toSorted()).toEqual(day2Scenarios.map(({ name }) => name).toSorted());
  });
});

async function ask(name: string, spec: Record<string, unknown>): Promise<void> {
  await stage.lab.client.management.create(remediationRequests, {
    apiVersion: "capfn.dev/v1alpha1",
    kind: "RemediationRequest",
    metadata: { namespace: NAMESPACE, name },
    spec: { source: "Injection", ...quickPolicy, ...spec },
  });
}

const instances = (names: readonly { readonly name: string }[]) =>
  Promise.all(names.map(({ name }) => instanceOf(stage, name)));
const setReady = (node: string, ready: boolean) => stage.lab.kubelets!.setReady(node, ready);

describe("a remediation", LONG, () => {
  it("is refused in a storm, which is told, and the machine that stays ill is rebooted when it has passed", async () => {
    const present = await workers(stage);
    const before = await instances(present);
    for (const { node } of present) await setReady(node, false);
    await ask("storm", {
      source: "Alert",
      alert: {
        name: "NodeDown",
        fingerprint: "8c3f",
        startsAt: "2026-11-21T10:36:58Z",
        labels: { cluster: "demo", node: present[1]!.node },
      },
    });
    const held = await phase(stage, "storm", "Held");
    expect(held.target).toMatchObject({ machine: present[1]!.name, by: "label node" });
    // Started a moment ago is told first; that the others are ill too, when that is over.
    await until("the storm is named", async () => {
      const found = (await requests(stage)).find(({ metadata }) => metadata.name === "storm");
      return why(found?.status ?? {}, "RemediationAllowed") === "RemediationStorm";
    });
    expect(await instances(present)).toEqual(before);
    for (const { node } of [present[0]!, present[2]!]) await setReady(node, true);
    const done = await phase(stage, "storm", "Succeeded");
    const after = await instances(present);
    expect(after.map((uid, index) => uid === before[index])).toEqual([true, false, true]);
    expect(done.steps?.[0]).toMatchObject({ name: "Reboot", uid: before[1] });
    expect(done.steps?.at(-1)?.proof).toContain(
      `instance ${after[1]} runs; Node ${present[1]!.node} is Ready`,
    );
  });

  it("recreates a worker: its Machine is deleted, its owner makes another, nothing of the old VM is left", async () => {
    const [ill, ...others] = await workers(stage);
    await setReady(ill!.node, false);
    await ask("recreate", { target: { machine: ill!.name }, steps: ["Recreate"], stepTimeoutSeconds: 60 });
    const { steps } = await phase(stage, "recreate", "Succeeded");
    expect(steps).toMatchObject([{ name: "Recreate", uid: ill!.uid, proof: `Machine ${ill!.uid} is gone` }]);
    await untilJoined(stage, 4);
    const now = await workers(stage);
    expect(now.map(({ uid }) => uid)).toEqual(expect.arrayContaining(others.map(({ uid }) => uid)));
    expect(now.map(({ uid }) => uid)).not.toContain(ill!.uid);
    expect(now.every(({ name }) => name.startsWith(DEPLOYMENT))).toBe(true);
    expect(await instanceOf(stage, ill!.name)).toBeUndefined();
  });

  it("that is a dry run only tells", async () => {
    const ill = (await workers(stage))[1]!;
    await setReady(ill.node, false);
    const atRisk = await instanceOf(stage, ill.name);
    await ask("dry", { target: { machine: ill.name }, dryRun: true });
    await phase(stage, "dry", "Planned");
    expect(await instanceOf(stage, ill.name)).toBe(atRisk);
    await setReady(ill.node, true);
  });

  it("by a power cycle ends the guest's Pod, of this instance alone and not without its kubelet, and the machine is well on the next", async () => {
    const { harvester } = stage.lab.client;
    const [ill, other] = await workers(stage);
    const before = (await instanceOf(stage, ill!.name))!;
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
    await launcher("launcher-other", (await instanceOf(stage, other!.name))!);
    await setReady(ill!.node, false);
    await ask("power", { target: { machine: ill!.name }, steps: ["PowerCycle"] });
    const ending = async () =>
      (await all(harvester, pods)).filter(({ metadata }) => metadata.deletionTimestamp !== undefined);
    await until("the Pod is to end", async () => (await ending()).length > 0);
    expect(await ending()).toMatchObject([
      { metadata: { name: "launcher-ill", deletionGracePeriodSeconds: 1 } },
    ]);
    // What the host's kubelet does when the containers have ended, then KubeVirt when a guest's Pod is gone.
    const labels = { "kubevirt.io/created-by": before };
    await harvester.deleteCollection(pods, { namespace: NAMESPACE, labels, gracePeriodSeconds: 0 });
    await harvester.delete(
      virtualMachineInstances,
      { namespace: NAMESPACE, name: ill!.name },
      { uid: before },
    );
    const { steps } = await phase(stage, "power", "Succeeded");
    expect(steps?.[0]).toMatchObject({ name: "PowerCycle", uid: before });
  });
});

describe("after all that", LONG, () => {
  it("Kubernetes Events tell of what was created, deleted, allocated, removed from etcd and initialised [check 112]", async () => {
    const schema = z.looseObject({ reason: z.string(), involvedObject: z.looseObject({ kind: z.string() }) });
    const told = (await all(stage.lab.client.management, events)).map((each) => {
      const { reason, involvedObject } = schema.parse(each);
      return `${involvedObject.kind} ${reason}`;
    });
    expect(told).toEqual(
      expect.arrayContaining([
        ...["VMCreated", "VMIPAllocated", "NodeInitialized"].map((reason) => `HarvesterMachine ${reason}`),
        ...["VMDeleting", "VMIPReleased", "MachineDeleted"].map((reason) => `HarvesterMachine ${reason}`),
        ...["EtcdLeaderMoved", "EtcdMemberRemoved"].map((reason) => `Machine ${reason}`),
        ...["VMIPReclaimed", "CertificateReissued"].map((reason) => `HarvesterCluster ${reason}`),
      ]),
    );
  });

  it("the log of capfn, at its most talkative, holds no bootstrap data, token, key or kubeconfig [check 113]", async () => {
    expect((await joined(stage)).length).toBeGreaterThan(3);
    const log = await stage.capfn.endedLogs();
    expect(log).toContain('"level":20');
    expect(log).toContain("node-remediate");
    const { management, harvester, workload } = stage.lab;
    const secret = [
      INGRESS_TOKEN,
      `${labUsers.capfn}-token`,
      ...[management, harvester, workload!].map(({ adminToken }) => adminToken),
      ...[management, harvester, workload!].map(({ caPem }) => Buffer.from(caPem).toString("base64")),
      "echo joined",
      Buffer.from("echo joined").toString("base64").slice(0, 12),
      "PRIVATE KEY",
      Buffer.from("-----BEGIN").toString("base64").slice(0, 12),
      "client-key-data",
    ];
    expect(secret.filter((each) => log.includes(each))).toEqual([]);
  });
});
