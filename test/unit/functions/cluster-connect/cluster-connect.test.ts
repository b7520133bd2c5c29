import { describe, expect, test } from "vitest";
import { clusterConnect } from "#functions/harvester/cluster-connect/function.ts";
import { deployments, harvesterClusters, namespaces } from "#platform/kube/resources.ts";
import { cluster, harvesterCluster, place } from "#test/support/cluster-objects.ts";
import { kubeError } from "#test/support/fake-api.ts";
import { fakeDeps, type FakeDeps } from "#test/support/step-deps.ts";
import { stepWorld } from "#test/support/step-world.ts";

type Json = Record<string, unknown>;

const at = { namespace: "demo", name: "demo" };

const endpoint = { controlPlaneEndpoint: { host: "10.60.0.2", port: 6443 } };
const connected = { state: "connected", server: "https://harvester.example.com" };
const namespace = (over: Json = {}) => ({
  apiVersion: "v1",
  kind: "Namespace",
  metadata: { name: place.target },
  status: { phase: "Active" },
  ...over,
});
const harvester = (available = "True") => ({
  apiVersion: "apps/v1",
  kind: "Deployment",
  metadata: { name: "harvester", namespace: "harvester-system" },
  status: { conditions: [{ type: "Available", status: available }] },
});

interface Setup {
  readonly spec?: Json;
  readonly metadata?: Json;
  readonly status?: Json;
  readonly management?: readonly object[];
  readonly harvester?: readonly object[];
  readonly connection?: unknown;
  readonly down?: readonly string[];
  readonly unlisted?: readonly string[];
}

function setUp(setup: Setup = {}) {
  const { spec = endpoint, metadata = {}, management = [cluster()], connection = connected } = setup;
  const deps = fakeDeps({
    management: [
      ...management,
      harvesterCluster({ spec, metadata, ...(setup.status !== undefined && { status: setup.status }) }),
    ],
    harvester: setup.harvester ?? [harvester(), namespace()],
  });
  const world = stepWorld(deps, place.namespace, {
    hub: connection === undefined ? {} : { [place.connection]: connection },
    down: setup.down ?? [],
    unlisted: setup.unlisted ?? [],
  });
  return { deps, world };
}

function status(deps: FakeDeps) {
  const found = deps.management.peek(harvesterClusters, { namespace: "demo", name: "demo" });
  const { conditions = [], ...rest } = (found?.["status"] ?? {}) as { conditions?: Json[] };
  return {
    ...rest,
    conditions: Object.fromEntries(
      conditions.map(({ type, status, reason }) => [type, `${String(status)}/${String(reason)}`]),
    ),
    messages: Object.fromEntries(conditions.map(({ type, message }) => [type, message])),
  } as { ready?: boolean; initialization?: Json; conditions: Json; messages: Json };
}

const spec = (deps: FakeDeps) => deps.management.peek(harvesterClusters, at)!["spec"] as Json;

async function runs({ deps, world }: ReturnType<typeof setUp>) {
  expect((await world.evaluate(clusterConnect, "demo")).need).toBe(true);
  const { demo } = await world.run(clusterConnect, ["demo"]);
  return { outcome: demo, ...status(deps) };
}

describe("a HarvesterCluster that a person asks to be looked at", () => {
  test("answers with the value of the annotation, each new one once", async () => {
    for (const token of ["first", "second"]) {
      const all = setUp({ metadata: { annotations: { "capfn.dev/look-at": token } } });
      const { conditions, messages } = await runs(all);
      expect([conditions["LookedAt"], messages["LookedAt"]]).toEqual(["True/LookedAt", token]);
      expect((await all.world.evaluate(clusterConnect, "demo")).need).toBe(false);
    }
  });
});

describe("a HarvesterCluster whose Harvester answers", () => {
  test("is ready and provisioned with connection, namespace and endpoint, and then at rest [check 29]", async () => {
    const all = setUp();
    expect(await runs(all)).toMatchObject({
      outcome: { kind: "done" },
      ready: true,
      initialization: { provisioned: true },
      conditions: {
        HarvesterConnectionReady: "True/HarvesterConnectionReady",
        TargetNamespaceReady: "True/TargetNamespaceReady",
        InfrastructureReady: "True/InfrastructureReady",
        Ready: "True/Ready",
        Paused: "False/NotPaused",
      },
    });
    expect((await all.world.evaluate(clusterConnect, "demo")).need).toBe(false);
  });

  test("shows the server of the kubeconfig [check 26]", async () => {
    const all = setUp({ spec: { ...endpoint, server: "https://old.example.com" } });
    await runs(all);
    expect(spec(all.deps)["server"]).toBe("https://harvester.example.com");
    expect(all.deps.summary()).toEqual([
      "management mergePatch harvesterclusters demo/demo",
      "management mergePatch harvesterclusters/status demo/demo",
    ]);
  });

  test("gets its target namespace, and says so in the same step [check 27]", async () => {
    const all = setUp({ harvester: [harvester()] });
    expect(await runs(all)).toMatchObject({
      ready: true,
      conditions: { TargetNamespaceReady: "True/TargetNamespaceReady" },
    });
    expect(all.deps.harvesterApi.peek(namespaces, { name: place.target })).toBeDefined();
    expect((await all.world.evaluate(clusterConnect, "demo")).need).toBe(false);
  });

  test("does not make a namespace that may exist: the list is not complete", async () => {
    const all = setUp({ harvester: [harvester()], unlisted: ["namespaces"] });
    await all.world.run(clusterConnect, ["demo"]);
    expect(all.deps.harvesterApi.peek(namespaces, { name: place.target })).toBeUndefined();
    expect(status(all.deps).conditions).toMatchObject({
      TargetNamespaceReady: "Unknown/TargetNamespaceChecking",
    });
  });

  test("does not mind when somebody else made the namespace meanwhile [check 27] [check 36]", async () => {
    const all = setUp({ harvester: [harvester()] });
    all.deps.harvesterApi.failOn({ verb: "create" }, kubeError("alreadyExists"));
    expect(await runs(all)).toMatchObject({ outcome: { kind: "done" }, ready: true });
  });

  test("says what to do when the namespace may not be made", async () => {
    const all = setUp({ harvester: [harvester()] });
    all.deps.harvesterApi.failOn({ verb: "create" }, kubeError("forbidden"));
    const message =
      "namespace vms does not exist, and the identity may not create namespaces; create it, or grant the right";
    expect(await runs(all)).toMatchObject({
      // A right that is granted is told by nobody.
      outcome: { kind: "requeueAfter", afterMs: 600_000, reason: message },
      ready: false,
      conditions: {
        TargetNamespaceReady: "False/TargetNamespaceNotReady",
        InfrastructureReady: "False/InfrastructureProvisioningFailed",
      },
      messages: { TargetNamespaceReady: message },
    });
  });

  test("refuses a name that Harvester refuses, in the words of the condition, and does not ask again because of its own report", async () => {
    const all = setUp({ harvester: [harvester()] });
    all.deps.harvesterApi.failOn({ verb: "create" }, kubeError("invalid"));
    const message =
      "namespace vms does not exist, and Harvester refuses the name; correct spec.targetNamespace";
    expect(await runs(all)).toMatchObject({
      outcome: { kind: "failed", reason: "InfrastructureProvisioningFailed", message },
      conditions: { InfrastructureReady: "False/InfrastructureProvisioningFailed" },
      messages: { InfrastructureReady: message },
    });
    const { inputs } = await all.world.evaluate(clusterConnect, "demo");
    const own = all.deps.management.peek(harvesterClusters, at)!;
    all.deps.management.put({
      ...own,
      metadata: { ...own.metadata, annotations: { ...own.metadata.annotations, note: "parked" } },
    });
    expect((await all.world.evaluate(clusterConnect, "demo")).inputs).toEqual(inputs);
  });

  test("waits for a namespace that is being deleted", async () => {
    const all = setUp({ harvester: [harvester(), namespace({ status: { phase: "Terminating" } })] });
    expect(await runs(all)).toMatchObject({
      ready: false,
      conditions: { TargetNamespaceReady: "False/TargetNamespaceNotReady" },
    });
  });

  test.each([
    [{}],
    [{ controlPlaneEndpoint: { host: "0.0.0.0", port: 6443 } }],
    [{ controlPlaneEndpoint: { host: "10.60.0.2" } }],
  ])("waits for a control plane endpoint: %j is none", async (spec) => {
    expect(await runs(setUp({ spec }))).toMatchObject({
      ready: false,
      conditions: {
        InfrastructureReady: "False/InfrastructureProvisioningInProgress",
        Ready: "False/NotReady",
      },
      messages: { InfrastructureReady: "spec.controlPlaneEndpoint is not set yet" },
    });
  });
});

describe("a HarvesterCluster whose Harvester does not answer", () => {
  test.each([
    ["SecretNotFound", "HarvesterAuthenticationFailed"],
    ["KubeconfigInvalid", "HarvesterAuthenticationFailed"],
    ["Unauthorized", "HarvesterAuthenticationFailed"],
    ["Unreachable", "HarvesterConnectionFailed"],
    ["CertificateNotTrusted", "HarvesterConnectionFailed"],
  ])(
    "because of %s says %s, with the cause in the message [check 22] [check 23] [check 24]",
    async (reason, condition) => {
      const all = setUp({
        connection: { state: "failed", reason, message: "the cause" },
        down: ["harvester"],
      });
      expect(await runs(all)).toMatchObject({
        ready: false,
        conditions: {
          HarvesterConnectionReady: `False/${condition}`,
          TargetNamespaceReady: "Unknown/TargetNamespaceChecking",
          InfrastructureReady: "False/InfrastructureProvisioningFailed",
        },
        messages: { HarvesterConnectionReady: "the cause" },
      });
      expect(all.deps.summary().filter((request) => request.startsWith("harvester"))).toEqual([]);
      expect((await all.world.evaluate(clusterConnect, "demo")).need).toBe(false);
    },
  );

  test.each([
    ["absent", [namespace()]],
    ["not Available", [harvester("False"), namespace()]],
  ])(
    "because Harvester's Deployment is %s says HarvesterConnectionFailed, and recovers with it [check 24]",
    async (_what, objects) => {
      const all = setUp({ harvester: objects });
      expect(await runs(all)).toMatchObject({
        ready: false,
        conditions: { HarvesterConnectionReady: "False/HarvesterConnectionFailed" },
      });
      all.deps.harvesterApi.put(harvester());
      expect(await runs(all)).toMatchObject({
        ready: true,
        conditions: { HarvesterConnectionReady: "True/HarvesterConnectionReady" },
      });
      all.deps.harvesterApi.drop(deployments, { namespace: "harvester-system", name: "harvester" });
      expect(await runs(all)).toMatchObject({ ready: false, initialization: { provisioned: true } });
    },
  );

  test("keeps its status while the connection is being made: a restart of the hub writes nothing", async () => {
    const first = setUp();
    await runs(first);
    const stored = first.deps.management.peek(harvesterClusters, { namespace: "demo", name: "demo" })!;
    for (const [connection, down] of [
      [{ state: "connecting" }, ["harvester"]],
      [connected, ["harvester"]],
      [undefined, []],
    ] as const) {
      const again = setUp({ connection: connection as unknown, down });
      again.deps.management.put(stored);
      expect((await again.world.evaluate(clusterConnect, "demo")).need).toBe(false);
    }
  });

  test("says that the connection is being made only when that takes more than two seconds", async () => {
    const all = setUp({ connection: { state: "connecting" }, down: ["harvester"] });
    expect((await all.world.evaluate(clusterConnect, "demo")).need).toEqual(new Date("2026-01-01T00:00:02Z"));
    await all.world.run(clusterConnect, ["demo"]);
    expect(status(all.deps).conditions).toMatchObject({
      HarvesterConnectionReady: "False/HarvesterConnectionInProgress",
    });
  });
});

describe("a HarvesterCluster that is not to be touched", () => {
  test("without owner Cluster nothing is asked of Harvester [check 21]", async () => {
    const { world } = setUp({ management: [] });
    const { need, edges } = await world.evaluate(clusterConnect, "demo");
    expect(need).toBe(false);
    expect(edges.filter((edge) => edge.view.type.plural !== "clusters")).toEqual([]);
  });

  test.each<[string, Setup]>([
    ["its Cluster", { management: [cluster({ spec: { paused: true } })] }],
    ["its annotation", { metadata: { annotations: { "cluster.x-k8s.io/paused": "" } } }],
  ])(
    "paused by %s says Paused and nothing else, without a look at Harvester; unpausing goes on [check 49]",
    async (_by, setup) => {
      const all = setUp(setup);
      expect(
        (await all.world.evaluate(clusterConnect, "demo")).edges.some(
          (edge) => edge.view.type.plural === "namespaces",
        ),
      ).toBe(false);
      expect((await runs(all)).conditions).toEqual({ Paused: "True/Paused" });
      expect(all.deps.summary()).toEqual(["management mergePatch harvesterclusters/status demo/demo"]);
      expect((await all.world.evaluate(clusterConnect, "demo")).need).toBe(false);
      all.deps.management.put(cluster());
      all.deps.management.put(harvesterCluster({ spec: endpoint, status: { conditions: [] } }));
      expect(await runs(all)).toMatchObject({ ready: true, conditions: { Paused: "False/NotPaused" } });
    },
  );

  test.each([
    ["managed by another system", { annotations: { "cluster.x-k8s.io/managed-by": "x" } }],
    ["being deleted", { deletionTimestamp: "2026-01-01T00:00:00Z", finalizers: ["x"] }],
  ])("%s is left alone", async (_what, metadata) => {
    expect((await setUp({ metadata }).world.evaluate(clusterConnect, "demo")).need).toBe(false);
  });
});

describe("writes of a HarvesterCluster", () => {
  test("keep the conditions of others, and move no timestamp without a change", async () => {
    const other = {
      type: "LoadBalancerReady",
      status: "True",
      reason: "LoadBalancerReady",
      message: "",
      lastTransitionTime: "2020-01-01T00:00:00Z",
    };
    const known = {
      type: "Paused",
      status: "False",
      reason: "Old",
      message: "",
      lastTransitionTime: "2020-01-01T00:00:00Z",
    };
    const { deps, world } = setUp({ status: { conditions: [other, known] } });
    await world.run(clusterConnect, ["demo"]);
    const { conditions } = deps.management.peek(harvesterClusters, at)!["status"] as { conditions: Json[] };
    expect(conditions[0]).toEqual(other);
    expect(conditions[1]).toMatchObject({
      reason: "NotPaused",
      lastTransitionTime: "2020-01-01T00:00:00Z",
      observedGeneration: 1,
    });
  });

  test("lose nothing that was written meanwhile: the conflict is thrown", async () => {
    const { deps, world } = setUp();
    deps.management.beforeNextWrite(() =>
      deps.management.put(harvesterCluster({ spec: endpoint, status: { ready: false } })),
    );
    await expect(world.run(clusterConnect, ["demo"])).rejects.toMatchObject({ reason: "conflict" });
  });
});
