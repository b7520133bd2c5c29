import * as z from "zod";
import { secrets } from "#platform/kube/resources.ts";
import type { Instance } from "#platform/simulator/guest-objects.ts";
import { networkDataSource } from "#platform/simulator/guest-report.ts";
import { staticAddresses } from "#platform/simulator/network-data.ts";
import type { SimulatedWorld } from "#platform/simulator/simulated-world.ts";

const cloudInitSecret = z.looseObject({ data: z.record(z.string(), z.string()).default({}) });

/**
 * The addresses a guest configures, in the order of its networks: what its cloud-init network data say, else one from DHCP. The
 * guest keeps a DHCP address as long as its VirtualMachine exists. Without network data cloud-init brings up the first interface only.
 */
export async function guestAddresses(
  world: SimulatedWorld,
  key: string,
  instance: Instance,
): Promise<(string | undefined)[]> {
  const text = await networkDataOf(world, instance);
  const fixed = text === undefined ? [] : staticAddresses(text);
  const configured = Math.max(1, fixed.length);
  return instance.spec.networks.map((_, index) => {
    if (index >= configured) return undefined;
    return fixed[index] ?? world.leases.lease(leaseHolder(key, index));
  });
}

/** Notes the addresses found in an instance, so that nobody else is given them. */
export function noteAddresses(world: SimulatedWorld, key: string, instance: Instance): void {
  instance.status.interfaces.forEach(({ name, ipAddress }, index) => {
    if (name !== undefined && ipAddress !== undefined) world.leases.note(leaseHolder(key, index), ipAddress);
  });
}

/** Ends the leases of a VirtualMachine that is gone. */
export function releaseAddresses(world: SimulatedWorld, key: string): void {
  world.leases.release(`${key}#`);
}

function leaseHolder(key: string, index: number): string {
  return `${key}#${index}`;
}

async function networkDataOf(world: SimulatedWorld, instance: Instance): Promise<string | undefined> {
  const source = networkDataSource(instance.spec);
  if (source.from === "none") return undefined;
  if (source.from === "text") return source.text;
  const { namespace } = instance.metadata;
  const secret = await world.client.get(secrets, { namespace, name: source.name }, { signal: world.signal });
  const encoded = cloudInitSecret.safeParse(secret).data?.data["networkdata"];
  return encoded === undefined ? undefined : Buffer.from(encoded, "base64").toString("utf8");
}
