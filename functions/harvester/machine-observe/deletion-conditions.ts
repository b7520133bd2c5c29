import { machineConditions, machineReasons } from "#api/condition-names.ts";
import { deletionStop } from "#functions/harvester/deletion-guard.ts";
import type { Finding } from "#functions/harvester/machine-observe/finding.ts";
import { isKnown, type ObservedMachine } from "#functions/harvester/machine-observe/observed-machine.ts";
import { isOurs } from "#functions/harvester/ownership.ts";
import { ownClaims } from "#functions/harvester/machine-claims.ts";
import { ownEntries } from "#functions/harvester/pool-entries.ts";

/** A deletion that ends by then is not reported at all. */
const REPORT_AFTER_MS = 5_000;
/** Giving the address back takes a moment, but may begin late, when the VM stops slowly; only a stuck one is worth a second write. */
const RELEASE_REPORT_AFTER_MS = 10 * 60_000;

/** What the deletion waits for. At most one write in a normal deletion, none in a quick one. */
export function deletionConditions(view: ObservedMachine): readonly Finding[] {
  const waiting = waitsFor(view);
  if (waiting === undefined) return [];
  const { reason, message, afterMs } = waiting;
  const asked = Date.parse(view.object.meta.deletionTimestamp ?? "");
  return [
    {
      type: machineConditions.Deleting,
      later: { statement: { status: "True", reason, message }, from: new Date(asked + afterMs) },
      urgent: false,
    },
  ];
}

interface Waiting {
  readonly reason: string;
  readonly message: string;
  readonly afterMs: number;
}

/** In the order the deletion meets them; undefined when nothing is left, or nothing is known. */
function waitsFor(view: ObservedMachine): Waiting | undefined {
  const { object, related } = view;
  const stop = deletionStop(view);
  if (stop !== undefined) return { reason: stop.reason, message: stop.message, afterMs: REPORT_AFTER_MS };
  if (related.connection?.state === "failed") {
    const message = related.connection.message ?? "there is no connection to Harvester";
    return { reason: machineReasons.HarvesterUnreachable, message, afterMs: REPORT_AFTER_MS };
  }
  const ours = related.vm !== undefined && isOurs(related.vm, object);
  if (ours || (related.vm === undefined && related.vmi !== undefined)) {
    const message = "the VM is shutting down";
    return { reason: machineReasons.WaitingForVMDeletion, message, afterMs: REPORT_AFTER_MS };
  }
  const held = isKnown(view, "heldIn") ? ownEntries(object, related.heldIn) : [];
  const claims = isKnown(view, "claims") ? ownClaims(object, related) : [];
  if (held.length === 0 && claims.length > 0) {
    const pools = claims.map(({ spec: { poolRef } }) => `${poolRef.kind} ${poolRef.name}`);
    return {
      reason: machineReasons.WaitingForIPRelease,
      message: `the claims of its addresses are not gone yet; their providers: ${pools.join(", ")}`,
      afterMs: REPORT_AFTER_MS,
    };
  }
  if (held.length === 0) return undefined;
  return {
    reason: machineReasons.WaitingForIPRelease,
    message: `the address is still held in IPPool ${held.map(({ pool }) => pool).join(", ")}`,
    afterMs: RELEASE_REPORT_AFTER_MS,
  };
}
