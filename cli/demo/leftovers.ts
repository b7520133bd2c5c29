import * as z from "zod";
import { NAMESPACE, POOL } from "#cli/demo/stage.ts";
import type { Lab } from "#cli/lab/lab.ts";
import type { KubeClient } from "#platform/kube/client.ts";
import type { ResourceType } from "#platform/kube/resource.ts";
import {
  harvesterClusters,
  harvesterMachines,
  ipPools,
  loadBalancers,
  persistentVolumeClaims,
  secrets,
  services,
  virtualMachineInstances,
  virtualMachines,
} from "#platform/kube/resources.ts";

const poolSchema = z.looseObject({
  status: z.looseObject({ allocated: z.record(z.string(), z.string()).nullish() }).optional(),
});

/** Everything of the demo that still exists after its cluster is gone; should be nothing. */
export async function leftovers(lab: Pick<Lab, "client">): Promise<string[]> {
  const { management, harvester } = lab.client;
  const found = [
    ...(await names(management, harvesterMachines)),
    ...(await names(management, harvesterClusters)),
    ...(await names(harvester, virtualMachines)),
    ...(await names(harvester, virtualMachineInstances)),
    ...(await names(harvester, persistentVolumeClaims)),
    ...(await names(harvester, secrets)),
    ...(await names(harvester, services)),
    ...(await names(harvester, loadBalancers)),
  ];
  const pool = poolSchema.parse((await harvester.get(ipPools, { name: POOL })) ?? {});
  return [
    ...found,
    ...Object.entries(pool.status?.allocated ?? {}).map(([ip, holder]) => `address ${ip} of ${holder}`),
  ];
}

async function names(client: KubeClient, type: ResourceType): Promise<string[]> {
  const found: string[] = [];
  for await (const { metadata } of client.list(type, { namespace: NAMESPACE }))
    found.push(`${type.kind} ${metadata.name}`);
  return found;
}
