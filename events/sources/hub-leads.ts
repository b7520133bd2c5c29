import * as z from "zod";
import type { KubeReader } from "#platform/kube/client.ts";
import { leases } from "#platform/kube/resources.ts";
import type { Clock } from "#platform/process/clock.ts";

const leaseSchema = z.looseObject({
  spec: z
    .looseObject({
      holderIdentity: z.string().nullish(),
      leaseDurationSeconds: z.number().nullish(),
      renewTime: z.string().nullish(),
    })
    .prefault({}),
});

/** The holder's clock may differ from ours by this much, ms. A hub that is taken to lead for too long costs a delay and no more. */
const CLOCKS_DIFFER_MS = 30_000;

/**
 * Whether a hub holds a Lease `capfn-hub`, or one whose name begins so, in this namespace. A hub that runs without `--leader-elect` holds none.
 * Throws `KubeError`.
 */
export async function hubLeads(client: KubeReader, namespace: string, clock: Clock): Promise<boolean> {
  for await (const lease of client.list(leases, { namespace })) {
    if (!/^capfn-hub(-|$)/.test(lease.metadata.name)) continue;
    const { holderIdentity, leaseDurationSeconds, renewTime } = leaseSchema.parse(lease).spec;
    const renewedAt = Date.parse(renewTime ?? "");
    const endsAt = renewedAt + (leaseDurationSeconds ?? 0) * 1_000 + CLOCKS_DIFFER_MS;
    if ((holderIdentity ?? "") !== "" && clock.now() < endsAt) return true;
  }
  return false;
}
