import { expect, test } from "vitest";
import { harvesterConnections } from "#cli/takeover/connections.ts";
import { surveyClusters } from "#cli/takeover/clusters.ts";
import { surveyControllers } from "#cli/takeover/controllers.ts";
import type { TakeoverWorld } from "#cli/takeover/report.ts";
import { IDENTITY_ANNOTATION } from "#platform/cluster-api/harvester-machine.ts";
import type { KubeClient } from "#platform/kube/client.ts";
import { KubeconfigError } from "#platform/kube/kubeconfig.ts";
import { apiVersionOf, type ResourceType } from "#platform/kube/resource.ts";
import {
  deployments,
  harvesterClusters,
  harvesterMachines,
  ipPools,
  loadBalancers,
  pods,
  secrets,
} from "#platform/kube/resources.ts";
import { FakeApi } from "#test/support/fake-api.ts";
import { FakeClock } from "#test/support/fake-clock.ts";

const api = (name: string) => new FakeApi(name, { requests: [], faultAt: () => undefined });
/** The parts of a client that are asked here. */
const clientOf = (fake: FakeApi) => fake as unknown as KubeClient;
const put = (fake: FakeApi, type: ResourceType, object: object) =>
  fake.put({ apiVersion: apiVersionOf(type), kind: type.kind, ...object });

const identity = { namespace: "fleet", name: "harvester" };

function worldOf(management: FakeApi, harvester: FakeApi, clock = new FakeClock()): TakeoverWorld {
  const connections = { harvester: () => Promise.resolve(clientOf(harvester)), close: () => undefined };
  return { management: clientOf(management), connections, clock };
}

test("the way back renames the entries of machines that are here, and those of nobody else", async () => {
  const management = api("management");
  const harvester = api("harvester/fleet/harvester");
  put(management, harvesterClusters, {
    metadata: { namespace: "demo", name: "demo" },
    spec: { identitySecret: identity, targetNamespace: "vms" },
  });
  put(management, harvesterMachines, { metadata: { namespace: "demo", name: "born", uid: "u-1" } });
  const annotations = { [IDENTITY_ANNOTATION]: "u-2" };
  put(management, harvesterMachines, {
    metadata: { namespace: "demo", name: "moved", uid: "u-3", annotations },
  });
  put(harvester, loadBalancers, { metadata: { namespace: "vms", name: "lb" } });
  put(harvester, ipPools, {
    metadata: { name: "pool" },
    spec: { ranges: [{ subnet: "10.0.0.0/24" }] },
    status: {
      allocated: {
        "10.0.0.1": "demo/born/u-1",
        "10.0.0.2": "demo/moved/u-2",
        // By the uid it has now, which is not its identity.
        "10.0.0.3": "demo/moved/u-3",
        // Another management cluster, or a machine that died.
        "10.0.0.4": "demo/born/other",
        "10.0.0.5": "vms/lb",
        "10.0.0.6": "demo/born",
      },
      available: 240,
      total: 246,
    },
  });
  const world = worldOf(management, harvester);
  const { findings, steps } = await surveyClusters(world, "caphv", new Map());
  const { message } = findings.find(({ about }) => about.startsWith("IPPool"))!;
  expect(message).toMatch(
    /by no machine or load balancer here: \S+ \(demo\/moved\/u-3\), \S+ \(demo\/born\/other\)$/,
  );
  expect(steps).toHaveLength(1);
  await steps[0]!.perform(world);
  expect(harvester.peek(ipPools, { name: "pool" })).toMatchObject({
    status: {
      allocated: {
        "10.0.0.1": "demo/born",
        "10.0.0.2": "demo/moved",
        "10.0.0.3": "demo/moved/u-3",
        "10.0.0.4": "demo/born/other",
        "10.0.0.5": "vms/lb",
        "10.0.0.6": "demo/born",
      },
    },
  });
});

test.each([
  ["has no key kubeconfig", {}, /^identity Secret fleet\/harvester is absent or has no key kubeconfig/],
  [
    "has a kubeconfig that is none",
    { kubeconfig: "e30=" },
    /^identity Secret fleet\/harvester: kubeconfig has no/,
  ],
])("an identity Secret that %s is told with its name and the mend", async (_, data, message) => {
  const management = api("management");
  put(management, secrets, { metadata: identity, data });
  const connections = harvesterConnections(clientOf(management), () => clientOf(api("harvester")));
  const error = await connections.harvester(identity).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(KubeconfigError);
  expect((error as Error).message).toMatch(message);
});

const at = { namespace: "caphv-system", name: "caphv-controller-manager" };
const labels = { app: "caphv" };

/** The Go provider with one pod, and an end of it that was begun at once. */
async function ending({ phase = "Running" } = {}) {
  const management = api("management");
  const put1 = (generation: number, observedGeneration: number, replicas: number) =>
    put(management, deployments, {
      metadata: { ...at, generation },
      spec: { replicas: generation === 1 ? 1 : 0, selector: { matchLabels: labels } },
      status: { observedGeneration, replicas },
    });
  put1(1, 1, 1);
  const pod = { ...at, name: "pod" };
  const deletionTimestamp = "2026-11-21T12:00:00Z";
  const { steps } = await surveyControllers(clientOf(management), "capfn");
  const clock = new FakeClock();
  put(management, pods, { metadata: { ...pod, labels, deletionTimestamp }, status: { phase } });
  put(management, pods, { metadata: { ...pod, name: "neighbour", labels: { app: "else" } } });
  let ended: unknown;
  void steps[0]!.perform(worldOf(management, api("harvester"), clock)).then(
    () => (ended = "gone"),
    (error: unknown) => (ended = error),
  );
  await clock.advance(0);
  return { management, clock, put: put1, pod, ended: () => ended };
}

test("a controller is gone once the last of its pods is, not while one terminates", async () => {
  const { management, clock, put: putNow, pod, ended } = await ending();
  putNow(2, 2, 0);
  await clock.advance(5_000);
  expect(ended()).toBeUndefined();
  // A run that was interrupted waits again.
  expect((await surveyControllers(clientOf(management), "capfn")).steps).toHaveLength(1);
  management.drop(pods, pod);
  await clock.advance(1_000);
  expect(ended()).toBe("gone");
  expect((await surveyControllers(clientOf(management), "capfn")).steps).toEqual([]);
});

test("a controller is not gone before its new number of replicas has been looked at", async () => {
  const { management, clock, put: putNow, pod, ended } = await ending();
  putNow(2, 1, 0);
  management.drop(pods, pod);
  await clock.advance(5_000);
  expect(ended()).toBeUndefined();
  putNow(2, 2, 0);
  await clock.advance(1_000);
  expect(ended()).toBe("gone");
});

test("an evicted pod, which stays as a record, is not waited for", async () => {
  const { clock, put: putNow, ended } = await ending({ phase: "Failed" });
  putNow(2, 2, 0);
  await clock.advance(1_000);
  expect(ended()).toBe("gone");
});

test.each([
  ["a pod that does not end", 2, /still has pods, terminating ones included: pod, 120 s after/],
  [
    "a controller of Deployments that does not look",
    1,
    /has not been looked at by the Deployment controller/,
  ],
])("the wait for %s ends with what it is that hinders", async (_, observed, message) => {
  const { clock, put: putNow, ended } = await ending();
  putNow(2, observed, 0);
  await clock.advance(121_000);
  expect((ended() as Error).message).toMatch(message);
});
