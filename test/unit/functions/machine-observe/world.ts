import type { Need, StepFunction } from "#functions/contract/function.ts";
import type { IndexQuery, Lookup } from "#functions/contract/relations.ts";
import type { Outcome } from "#functions/contract/outcome.ts";
import { project } from "#events/hub/projection.ts";
import type { KubeObject, ObjectName, ResourceType } from "#platform/kube/resource.ts";
import {
  harvesterMachines,
  nodes,
  virtualMachineInstances,
  virtualMachines,
} from "#platform/kube/resources.ts";
import { connectionStateView, type ConnectionState } from "#platform/cluster-api/connection-state.ts";
import type { ObjectRef, ResourceView, Seen } from "#platform/kube/view.ts";
import { fakeDeps, type FakeDeps } from "#test/support/step-deps.ts";

export const NAME = "demo-md-0-abcde";
export const START = new Date("2026-01-01T00:00:00Z");

// Manifests are edited field by field.
// oxlint-disable-next-line typescript/no-explicit-any
type Json = Record<string, any>;

const group = "infrastructure.cluster.x-k8s.io";

/** One machine of one cluster, and everything around it, in memory; a function under test is run as the hub would. */
export class World {
  now = new Date(START.getTime() + 60_000);
  connection: ConnectionState = { state: "connected" };
  /** Connections that have not been listed yet. */
  readonly unlisted = new Set<string>();
  readonly deps: FakeDeps;
  /** Every object ever put, by kind. */
  readonly #names = new Map<string, Map<string, ObjectName>>();

  constructor() {
    this.deps = { ...fakeDeps(), now: () => this.now };
    this.put(cluster());
    this.put(machine());
    this.put(harvesterCluster());
    this.put(harvesterMachine());
    this.put(image());
    this.put(keyPair());
    this.put(bootstrapSecret());
  }

  put(object: Json): void {
    const { resourceVersion: _, ...metadata } = object["metadata"];
    const { namespace, name } = metadata;
    const known = this.#names.get(object["kind"]) ?? new Map<string, ObjectName>();
    this.#names.set(object["kind"], known.set(`${namespace}/${name}`, { namespace, name }));
    this.#api(object["kind"]).put({ ...object, metadata });
  }

  drop(type: ResourceType, name = NAME, namespace = "demo"): void {
    this.#api(type.kind).drop(type, { name, namespace });
  }

  edit(type: ResourceType, change: (object: Json) => void, name = NAME): void {
    const object: Json = structuredClone(this.peek(type, name));
    change(object);
    this.put(object);
  }

  peek(type: ResourceType, name = NAME): KubeObject {
    const object = this.#api(type.kind).peek(type, { name, namespace: "demo" });
    if (object === undefined) throw new Error(`no ${type.kind} ${name}`);
    return object;
  }

  get own(): Json {
    return this.peek(harvesterMachines);
  }

  condition(type: string): Json | undefined {
    return (this.own["status"]?.conditions ?? []).find((condition: Json) => condition["type"] === type);
  }

  /** `Type=Status/Reason` of every condition. */
  conditions(): string[] {
    return (this.own["status"]?.conditions ?? []).map(
      ({ type, status, reason }: Json) => `${type}=${status}/${reason}`,
    );
  }

  evaluate(step: StepFunction) {
    const evaluation = step.evaluate(
      { connection: "management", namespace: "demo", name: NAME },
      this.#lookup(),
    );
    if (evaluation === undefined) throw new Error("the machine is gone");
    return evaluation;
  }

  need(step: StepFunction): Need {
    return this.evaluate(step).need;
  }

  async run(step: StepFunction): Promise<Outcome> {
    const object = { connection: "management", namespace: "demo", name: NAME };
    const cause = {
      id: "x",
      type: "dev.capfn.step.swept",
      source: "/",
      time: this.now.toISOString(),
    } as const;
    const outcomes = await step.run([{ object, cause }], this.#lookup(), this.deps);
    return outcomes.get(this.own["metadata"].uid)!;
  }

  /** Runs the function until its predicate is content; returns the writes it took. */
  async settle(step: StepFunction): Promise<number> {
    const before = this.deps.requests.length;
    for (let runs = 0; this.due(step); runs += 1) {
      if (runs > 3) throw new Error("the function does not come to rest");
      await this.run(step);
    }
    return this.deps.requests.length - before;
  }

  due(step: StepFunction): boolean {
    const need = this.need(step);
    return need instanceof Date ? need <= this.now : need;
  }

  async after(ms: number, step: StepFunction): Promise<number> {
    this.now = new Date(this.now.getTime() + ms);
    return this.settle(step);
  }

  #api(kind: string) {
    if (kind === "Node") return this.deps.workloadApi;
    return ["IPPool", "VirtualMachine", "VirtualMachineInstance", "VirtualMachineImage", "KeyPair"].includes(
      kind,
    )
      ? this.deps.harvesterApi
      : this.deps.management;
  }

  #lookup(): Lookup {
    const get = <P>(view: ResourceView<P>, ref: ObjectRef): Seen<P> | undefined => {
      if (ref.connection === "hub") return this.#connectionState(view, ref);
      if (this.unlisted.has(ref.connection)) return undefined;
      const object = this.#api(view.type.kind).peek(view.type, ref);
      return object === undefined ? undefined : project(view, ref.connection, object);
    };
    return {
      get,
      find: <P>(view: ResourceView<P>, query: IndexQuery) =>
        [...(this.#names.get(view.type.kind)?.values() ?? [])]
          .map((name) => get(view, { connection: query.connection, ...name }))
          .filter((seen) => seen !== undefined)
          .filter((seen) => view.indexes?.(seen)[query.index]?.includes(query.value)),
      listed: (_view, { connection }) => !this.unlisted.has(connection),
    };
  }

  #connectionState<P>(view: ResourceView<P>, ref: ObjectRef): Seen<P> {
    const metadata = { name: ref.name, uid: "connection", resourceVersion: "1" };
    const { group, version, kind } = connectionStateView.type;
    return project(view, "hub", { apiVersion: `${group}/${version}`, kind, metadata, ...this.connection });
  }
}

export const PROVIDER_ID = "harvester://vm-uid";

/** A machine whose VM runs with the address 10.50.0.10, as the function left it. */
export async function provisioned(step: StepFunction): Promise<World> {
  const world = new World();
  world.put(vm());
  world.put(vmi([["10.50.0.10"]]));
  await world.settle(step);
  return world;
}

export const HARVESTER = "harvester/demo/identity";
export const WORKLOAD = "workload/demo/demo";

function meta(name: string, more: Json = {}) {
  return { name, namespace: "demo", generation: 1, creationTimestamp: START.toISOString(), ...more };
}

function cluster(): Json {
  return {
    apiVersion: "cluster.x-k8s.io/v1beta2",
    kind: "Cluster",
    metadata: meta("demo"),
    spec: { infrastructureRef: { apiGroup: group, kind: "HarvesterCluster", name: "demo" } },
    status: { initialization: { infrastructureProvisioned: true } },
  };
}

function machine(): Json {
  return {
    apiVersion: "cluster.x-k8s.io/v1beta2",
    kind: "Machine",
    metadata: meta(NAME),
    spec: { clusterName: "demo", bootstrap: { dataSecretName: NAME } },
  };
}

function harvesterCluster(): Json {
  return {
    apiVersion: `${group}/v1beta1`,
    kind: "HarvesterCluster",
    metadata: meta("demo"),
    spec: {
      identitySecret: { namespace: "demo", name: "identity" },
      targetNamespace: "demo",
      loadBalancerConfig: { ipamType: "dhcp" },
      controlPlaneEndpoint: { host: "10.50.0.250", port: 6443 },
    },
    status: {},
  };
}

function harvesterMachine(): Json {
  return {
    apiVersion: `${group}/v1beta1`,
    kind: "HarvesterMachine",
    metadata: meta(NAME, {
      uid: "own-uid",
      finalizers: ["harvestermachine.infrastructure.cluster.x-k8s.io/finalizer"],
      labels: { "cluster.x-k8s.io/cluster-name": "demo" },
      annotations: { "capfn.dev/identity": "own-uid" },
      ownerReferences: [
        { apiVersion: "cluster.x-k8s.io/v1beta2", kind: "Machine", name: NAME, uid: "m-uid" },
      ],
    }),
    spec: {
      cpu: 2,
      memory: "4Gi",
      sshUser: "root",
      sshKeyPair: "default/key",
      networks: ["default/vlan1"],
      volumes: [{ volumeType: "image", imageName: "default/leap", volumeSize: "40Gi" }],
    },
  };
}

export function vm(more: Json = {}, owner = "own-uid"): Json {
  return {
    apiVersion: "kubevirt.io/v1",
    kind: "VirtualMachine",
    metadata: meta(NAME, { uid: "vm-uid", labels: { "capfn.dev/owner-uid": owner } }),
    spec: { runStrategy: "Always", template: {}, ...more },
    status: { printableStatus: "Starting" },
  };
}

/** An instance; `addresses` per interface, in the order of the networks. */
export function vmi(addresses: readonly (readonly string[])[] = [[]], phase = "Running"): Json {
  return {
    apiVersion: "kubevirt.io/v1",
    kind: "VirtualMachineInstance",
    metadata: meta(NAME, { uid: "vmi-uid" }),
    spec: { networks: addresses.map((_, index) => ({ name: `nic-${index + 1}` })) },
    status: {
      phase,
      interfaces: addresses.map((ips, index) => ({
        name: `nic-${index + 1}`,
        ...(ips.length > 0 && { ipAddress: ips[0], ipAddresses: [...ips] }),
      })),
    },
  };
}

export function bootstrapSecret(): Json {
  return { apiVersion: "v1", kind: "Secret", metadata: { name: NAME, namespace: "demo" } };
}

export function image(): Json {
  return {
    apiVersion: "harvesterhci.io/v1beta1",
    kind: "VirtualMachineImage",
    metadata: { namespace: "default", name: "image-1" },
    spec: { displayName: "leap" },
    status: { progress: 100 },
  };
}

export function keyPair(): Json {
  return {
    apiVersion: "harvesterhci.io/v1beta1",
    kind: "KeyPair",
    metadata: { namespace: "default", name: "key" },
    spec: { publicKey: "ssh-ed25519 AAAA" },
  };
}

export function pool(name: string, allocated: Record<string, string>, size = 2): Json {
  return {
    apiVersion: "loadbalancer.harvesterhci.io/v1beta1",
    kind: "IPPool",
    metadata: { name },
    spec: {
      ranges: [
        {
          subnet: "10.50.0.0/24",
          gateway: "10.50.0.1",
          rangeStart: "10.50.0.10",
          rangeEnd: `10.50.0.${9 + size}`,
        },
      ],
    },
    status: { allocated },
  };
}

export function node(name: string, more: { address?: string; spec?: Json; hostname?: string } = {}): Json {
  return {
    apiVersion: "v1",
    kind: "Node",
    metadata: { name, uid: `node-${name}`, labels: { "kubernetes.io/hostname": more.hostname ?? name } },
    spec: { ...more.spec },
    status: { addresses: more.address === undefined ? [] : [{ type: "InternalIP", address: more.address }] },
  };
}

export const HOLDER = `demo/${NAME}/own-uid`;

export { harvesterMachines, nodes, virtualMachineInstances, virtualMachines };
