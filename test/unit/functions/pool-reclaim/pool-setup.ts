import { poolReclaim } from "#functions/harvester/pool-reclaim/function.ts";
import { harvesterClusters, ipPools } from "#platform/kube/resources.ts";
import {
  cluster,
  harvesterCluster,
  harvesterMachine,
  ipPool,
  place,
  virtualMachine,
} from "#test/support/cluster-objects.ts";
import { fakeDeps, type FakeDeps } from "#test/support/step-deps.ts";
import { stepWorld } from "#test/support/step-world.ts";

export type Json = Record<string, unknown>;

export const HERE = "uid-of-this-management-cluster";
export const holder = (name: string) => `demo/${name}/uid-HarvesterMachine-${name}`;
const two = { rangeStart: "10.50.0.10", rangeEnd: "10.50.0.11" };
export const mark = (...users: string[]) => ({ annotations: { "capfn.dev/used-from": users.join(",") } });
export const pools = { ipPoolRef: "a", gateway: "10.50.0.1", subnetMask: "255.255.0.0" };

/** A pool of two addresses: m-0 has one, the other is held by a machine that is gone. */
export const leaky = (over: Json = {}) =>
  ipPool("a", {
    range: two,
    status: {
      total: 2,
      available: 0,
      allocated: { "10.50.0.10": holder("m-0"), "10.50.0.11": holder("gone") },
    },
    metadata: mark(HERE),
    ...over,
  });

export interface Setup {
  readonly management?: readonly object[];
  readonly harvester?: readonly object[];
  readonly metadata?: Json;
  readonly cluster?: Json;
  readonly connection?: Json;
  readonly down?: readonly string[];
}

export function setUp(setup: Setup = {}) {
  const deps = fakeDeps({
    management: [
      cluster({ metadata: { uid: "uid-Cluster-demo" }, ...setup.cluster }),
      harvesterCluster({ spec: { vmNetworkConfig: pools }, metadata: setup.metadata ?? {} }),
      harvesterMachine("m-0"),
      ...(setup.management ?? []),
    ],
    harvester: [virtualMachine("m-0"), ...(setup.harvester ?? [leaky()])],
  });
  const connection = setup.connection ?? { state: "connected", managementUid: HERE };
  const world = stepWorld(deps, "demo", {
    hub: { [place.connection]: connection },
    down: setup.down ?? [],
  });
  return { deps, world, run: () => world.run(poolReclaim, ["demo"]) };
}

export const waiting = (name: string, creationTimestamp = "2026-01-01T00:00:00Z") =>
  harvesterMachine(name, {
    metadata: { creationTimestamp, labels: { "cluster.x-k8s.io/cluster-name": "demo" } },
    status: {
      conditions: [
        {
          type: "VMIPAllocated",
          status: "False",
          reason: "VMIPPoolExhausted",
          message: "no IPPool has a free address: a is exhausted",
          lastTransitionTime: "2026-01-01T00:00:00Z",
        },
      ],
    },
  });

export function pool(deps: FakeDeps, name = "a"): Json {
  return (deps.harvesterApi.peek(ipPools, { name })?.["status"] ?? {}) as Json;
}

export function conditions(deps: FakeDeps): string[] {
  const status = deps.management.peek(harvesterClusters, { namespace: "demo", name: "demo" })?.["status"];
  const { conditions: found = [] } = (status ?? {}) as { conditions?: Json[] };
  return found.map((each) => `${String(each["type"])}=${String(each["status"])}/${String(each["reason"])}`);
}

export const untouched = { "10.50.0.10": holder("m-0"), "10.50.0.11": holder("gone") };
