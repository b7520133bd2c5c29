import { randomUUID } from "node:crypto";
import * as z from "zod";
import type { KubeClient } from "#platform/kube/client.ts";
import {
  kubeObjectSchema,
  type KubeObject,
  type NewObject,
  type ResourceType,
} from "#platform/kube/resource.ts";
import {
  harvesterMachines,
  ipPools,
  machines,
  nodes,
  virtualMachineInstances,
  virtualMachines,
} from "#platform/kube/resources.ts";
import type { BenchWorld } from "#test/bench/bench-world.ts";
import { inParallel } from "#test/bench/pacing.ts";

/** A machine as its objects are, all of them. */
interface Template {
  readonly name: string;
  readonly address: string;
  readonly identity: string;
  readonly vmUid: string;
  readonly machine: KubeObject;
  readonly harvesterMachine: KubeObject;
  readonly vm: KubeObject;
  readonly vmi: KubeObject;
  readonly node: KubeObject;
}

export const OBJECTS_PER_MACHINE = 5;
const STATUS = { subresource: "status" } as const;

const ownSchema = z.looseObject({
  metadata: z.looseObject({ annotations: z.looseObject({ "capfn.dev/identity": z.string() }) }),
  status: z.looseObject({ allocatedIPAddress: z.string() }),
});

/**
 * Copies a machine that capfn has brought up, with everything that belongs to it, under other names and addresses. No simulator and no capfn
 * may run meanwhile. The copies are as right as the original, so capfn has nothing to do for them.
 */
export async function multiply(
  world: BenchWorld,
  {
    cluster,
    original,
    count,
  }: { readonly cluster: string; readonly original: string; readonly count: number },
): Promise<void> {
  const template = await readTemplate(world, cluster, original);
  const copies = Array.from({ length: count }, (_, index) => ({
    name: `${cluster}-${String(index).padStart(5, "0")}`,
    address: addressAfter(template.address, index + 1),
    identity: randomUUID(),
  }));
  // First, so that no copy is ever without its address.
  const allocated = Object.fromEntries(
    copies.map(({ name, address, identity }) => [address, `${cluster}/${name}/${identity}`]),
  );
  await world.client.harvester.mergePatch(
    ipPools,
    { name: cluster },
    { status: { allocated, available: 0 } },
  );
  await inParallel(copies, (copy) => makeCopy(world, template, copy), 24);
}

async function readTemplate({ client }: BenchWorld, namespace: string, name: string): Promise<Template> {
  const read = async (from: KubeClient, type: ResourceType, at: { namespace?: string; name: string }) => {
    const object = await from.get(type, at);
    if (object === undefined)
      throw new Error(`${type.kind} ${at.name}, the original of the copies, does not exist`);
    return object;
  };
  const at = { namespace, name };
  const harvesterMachine = await read(client.management, harvesterMachines, at);
  const vm = await read(client.harvester, virtualMachines, at);
  const { metadata, status } = ownSchema.parse(harvesterMachine);
  return {
    name,
    address: status.allocatedIPAddress,
    identity: metadata.annotations["capfn.dev/identity"],
    vmUid: vm.metadata.uid,
    harvesterMachine,
    vm,
    vmi: await read(client.harvester, virtualMachineInstances, at),
    machine: await read(client.management, machines, at),
    node: await read(client.workload, nodes, { name }),
  };
}

async function makeCopy(
  { client }: BenchWorld,
  template: Template,
  copy: { readonly name: string; readonly address: string; readonly identity: string },
): Promise<void> {
  const renamed = (object: KubeObject, vmUid: string): KubeObject =>
    kubeObjectSchema.parse(
      JSON.parse(
        JSON.stringify(object)
          .replaceAll(template.name, copy.name)
          .replaceAll(`"${template.address}"`, `"${copy.address}"`)
          .replaceAll(template.identity, copy.identity)
          .replaceAll(template.vmUid, vmUid),
      ),
    );
  const make = async (
    to: KubeClient,
    type: ResourceType,
    { object, owner }: { readonly object: KubeObject; readonly owner?: KubeObject },
  ): Promise<KubeObject> => {
    const made = await to.create(type, asNew(object, owner));
    const status = object["status"];
    // Instances have no status subresource.
    if (type === virtualMachineInstances || status === undefined) return made;
    return to.mergePatch(type, made.metadata, { status: generationOne(status) }, STATUS);
  };
  const vm = await make(client.harvester, virtualMachines, { object: renamed(template.vm, "-") });
  const { uid } = vm.metadata;
  await make(client.harvester, virtualMachineInstances, { object: renamed(template.vmi, uid), owner: vm });
  const machine = await make(client.management, machines, {
    // As Cluster API core leaves it once the Node has joined.
    object: { ...renamed(template.machine, uid), status: { nodeRef: { name: copy.name } } },
  });
  await make(client.management, harvesterMachines, {
    object: renamed(template.harvesterMachine, uid),
    owner: machine,
  });
  await make(client.workload, nodes, { object: renamed(template.node, uid) });
}

function asNew({ metadata, ...rest }: KubeObject, owner: KubeObject | undefined): NewObject {
  const { name, namespace, labels, annotations, finalizers, ownerReferences } = metadata;
  const owners = ownerReferences?.map((reference) => ({
    ...reference,
    uid: owner?.metadata.uid ?? reference.uid,
  }));
  return { ...rest, metadata: { name, namespace, labels, annotations, finalizers, ownerReferences: owners } };
}

/** A copy is new, so what its conditions were observed at is generation 1. */
function generationOne(status: unknown): unknown {
  return JSON.parse(JSON.stringify(status).replaceAll(/"observedGeneration":\d+/g, '"observedGeneration":1'));
}

function addressAfter(address: string, by: number): string {
  const value = address.split(".").reduce((sum, part) => sum * 256 + Number(part), 0) + by;
  return [24, 16, 8, 0].map((shift) => (value >>> shift) & 255).join(".");
}
