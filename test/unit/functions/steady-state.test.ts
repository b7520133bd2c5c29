import { describe, expect, test } from "vitest";
import {
  harvesterMachines,
  machines,
  virtualMachineInstances,
  virtualMachines,
} from "#platform/kube/resources.ts";
import {
  cluster,
  harvesterCluster,
  harvesterMachine,
  ipPool,
  machine,
  place,
} from "#test/support/cluster-objects.ts";
import { fakeDeps, type FakeDeps } from "#test/support/step-deps.ts";
import type { StepWorldOptions } from "#test/support/step-world.ts";
import { connected, everyNeed, rest } from "./every-need.ts";
import {
  goCluster,
  goMachine,
  goPool,
  goVm,
  harvesterItself,
  instance,
  node,
} from "./go-provider-objects.ts";

type Json = Record<string, unknown>;

const endpoint = { controlPlaneEndpoint: { host: "10.60.0.2", port: 6443 } };
const pooled = { ipPoolRef: "a", gateway: "10.50.0.1", subnetMask: "255.255.0.0" };
const inTarget = { namespace: place.target, name: "m-0" };

/** Everything a machine needs to come into being. */
function setUp(spec: Json = {}, clusterSpec: Json = {}): FakeDeps {
  return fakeDeps({
    management: [
      cluster(),
      harvesterCluster({ spec: { ...endpoint, ...clusterSpec } }),
      machine("m-0"),
      harvesterMachine("m-0", { spec }),
      {
        apiVersion: "v1",
        kind: "Secret",
        metadata: { namespace: "demo", name: "m-0-bootstrap" },
        data: { value: Buffer.from("#cloud-config\n").toString("base64") },
      },
    ],
    harvester: [...harvesterItself(), ipPool("a")],
  });
}

/** A machine our functions have made, whose VM runs and whose Node has joined. */
async function provisioned(spec: Json = {}, clusterSpec: Json = {}): Promise<FakeDeps> {
  const deps = setUp(spec, clusterSpec);
  await rest(deps);
  deps.harvesterApi.put(instance("10.50.0.10"));
  await rest(deps);
  deps.workloadApi.put(
    node({ taints: [{ key: "node.cloudprovider.kubernetes.io/uninitialized", effect: "NoSchedule" }] }),
  );
  const owner = deps.management.peek(machines, { namespace: "demo", name: "m-0" })!;
  deps.management.put({ ...owner, status: { nodeRef: { name: "m-0" } } });
  await rest(deps);
  return deps;
}

function edit(deps: FakeDeps, change: (own: Json & { metadata: Json }) => void): void {
  const own = structuredClone(deps.management.peek(harvesterMachines, { namespace: "demo", name: "m-0" })!);
  change(own);
  deps.management.put(own);
}

interface World {
  readonly deps: FakeDeps;
  readonly options?: StepWorldOptions;
}

const worlds: Record<string, () => Promise<World>> = {
  "a machine with an address of a pool serves": async () => ({
    deps: await provisioned({}, { vmNetworkConfig: pooled }),
  }),
  "a machine with DHCP serves": async () => ({ deps: await provisioned() }),
  "a machine with a fixed address serves": async () => ({
    deps: await provisioned({ networkConfig: { address: "10.50.0.40", gateway: "10.50.0.1" } }),
  }),
  "the guest agent of a machine that serves has fallen silent": async () => {
    const deps = await provisioned();
    deps.harvesterApi.put(instance());
    return { deps };
  },
  "the VM boots without an address, and that was told": async () => {
    const deps = setUp();
    await rest(deps);
    deps.harvesterApi.put(instance());
    await rest(deps);
    return { deps };
  },
  "the VM is halted": async () => {
    const deps = await provisioned();
    const vm = deps.harvesterApi.peek(virtualMachines, inTarget)!;
    deps.harvesterApi.put({ ...vm, spec: { ...(vm["spec"] as Json), runStrategy: "Halted" } });
    deps.harvesterApi.drop(virtualMachineInstances, inTarget);
    await rest(deps);
    return { deps };
  },
  "the VM was deleted behind our back": async () => {
    const deps = await provisioned({}, { vmNetworkConfig: pooled });
    deps.harvesterApi.drop(virtualMachineInstances, inTarget);
    deps.harvesterApi.drop(virtualMachines, inTarget);
    await rest(deps);
    return { deps };
  },
  "the VM was deleted before the machine had a providerID": async () => {
    const deps = await provisioned({}, { vmNetworkConfig: pooled });
    deps.harvesterApi.drop(virtualMachineInstances, inTarget);
    deps.harvesterApi.drop(virtualMachines, inTarget);
    deps.harvesterApi.put(ipPool("a"));
    await rest(deps);
    edit(deps, (own) => {
      own["spec"] = { ...(own["spec"] as Json), providerID: undefined };
    });
    return { deps };
  },
  "the Cluster is paused": async () => {
    const deps = await provisioned();
    deps.management.put(cluster({ spec: { paused: true } }));
    await rest(deps);
    return { deps };
  },
  "another system manages the machine": async () => {
    const deps = setUp();
    edit(deps, ({ metadata }) => (metadata["annotations"] = { "cluster.x-k8s.io/managed-by": "x" }));
    await rest(deps);
    return { deps };
  },
  "no bootstrap data is named, and that was told": async () => {
    const deps = setUp();
    deps.management.put(machine("m-0", { spec: { bootstrap: {} } }));
    edit(deps, ({ metadata }) => (metadata["creationTimestamp"] = "2025-12-31T00:00:00Z"));
    await rest(deps);
    return { deps };
  },
  "Harvester cannot be reached": async () => {
    const deps = await provisioned({}, { vmNetworkConfig: pooled });
    return { deps, options: { ...connected, down: ["harvester"] } };
  },
  "the workload cluster cannot be reached": async () => {
    const deps = await provisioned();
    return { deps, options: { ...connected, down: ["workload"] } };
  },
  "a machine of the Go provider was taken over": async () => {
    const deps = fakeDeps({
      management: [...goCluster(), goMachine()],
      harvester: [...harvesterItself(), goVm(), instance("10.50.0.11"), goPool()],
      workload: [node()],
    });
    await rest(deps);
    return { deps };
  },
};

describe("a restart wakes nobody", () => {
  test.each(Object.entries(worlds))("when %s", async (_, make) => {
    const { deps, options } = await make();
    deps.requests.length = 0;
    expect(await everyNeed(deps, options)).toEqual({});
    expect(deps.requests).toEqual([]);
  });
});
