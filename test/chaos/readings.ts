import * as z from "zod";
import { UNINITIALIZED_TAINT } from "#platform/simulator/workload-node.ts";
import type { KubeObject } from "#platform/kube/resource.ts";
import type { History } from "#test/chaos/history.ts";
import type { TrialNames } from "#test/chaos/trial-names.ts";

const conditions = z
  .array(z.looseObject({ type: z.string(), status: z.string(), reason: z.string(), message: z.string() }))
  .default([]);

const machineSchema = z.looseObject({
  spec: z.looseObject({ providerID: z.string().optional() }),
  status: z
    .looseObject({
      ready: z.boolean().optional(),
      initialization: z.looseObject({ provisioned: z.boolean().optional() }).optional(),
      addresses: z.array(z.looseObject({ type: z.string(), address: z.string() })).default([]),
      allocatedIPAddress: z.string().optional(),
      conditions,
    })
    .prefault({}),
});

const poolSchema = z.looseObject({
  status: z
    .looseObject({
      total: z.number().optional(),
      available: z.number().optional(),
      allocated: z.record(z.string(), z.string()).nullish(),
    })
    .prefault({}),
});

const nodeSchema = z.looseObject({
  spec: z
    .looseObject({
      providerID: z.string().optional(),
      taints: z.array(z.looseObject({ key: z.string() })).default([]),
    })
    .prefault({}),
});

const readySchema = z.looseObject({
  status: z
    .looseObject({
      conditions: z.array(z.looseObject({ type: z.string(), status: z.string() })).default([]),
    })
    .prefault({}),
});

const secretSchema = z.looseObject({ data: z.record(z.string(), z.string()).default({}) });

export type MachineReading = z.infer<typeof machineSchema>;

export function readMachine(object: KubeObject): MachineReading {
  return machineSchema.parse(object);
}

/** Address -> holder. */
export function allocatedOf(object: KubeObject): ReadonlyMap<string, string> {
  return new Map(Object.entries(poolSchema.parse(object).status.allocated ?? {}));
}

export function readPool(object: KubeObject): z.infer<typeof poolSchema>["status"] {
  return poolSchema.parse(object).status;
}

/** Whether a Node says that it is Ready. */
export function isReady(node: KubeObject | undefined): boolean {
  const { conditions } = readySchema.parse(node ?? {}).status;
  return conditions.some(({ type, status }) => type === "Ready" && status === "True");
}

/** A text in a Secret. */
export function secretText(secret: KubeObject, key: string): string | undefined {
  const encoded = secretSchema.parse(secret).data[key];
  return encoded === undefined ? undefined : Buffer.from(encoded, "base64").toString();
}

/** The static address in a cloud-init Secret's network data, if there is one. */
export function addressIn(secret: KubeObject): string | undefined {
  const text = secretText(secret, "networkdata");
  return /address:\s*['"]?(\d+\.\d+\.\d+\.\d+)/.exec(text ?? "")?.[1];
}

/** One machine of a trial as it is now. */
export function machineView(history: History, names: TrialNames, name: string) {
  const full = names.machine(name);
  const object = history.get("M", "harvestermachines", `${names.namespace}/${full}`);
  const machine = object === undefined ? undefined : readMachine(object);
  const node = history.get("W", "nodes", `/${full}`);
  const { spec } = nodeSchema.parse(node ?? {});
  const condition = (type: string) => machine?.status.conditions.find((each) => each.type === type);
  const provisioned = machine?.status.initialization?.provisioned === true && machine.status.ready === true;
  const nodeReady =
    node !== undefined &&
    spec.providerID !== undefined &&
    !spec.taints.some(({ key }) => key === UNINITIALIZED_TAINT);
  return {
    object,
    machine,
    condition,
    provisioned,
    complete: provisioned && machine.spec.providerID !== undefined && nodeReady,
    vm: history.get("H", "virtualmachines", `${names.target}/${full}`),
  };
}
