import type { CniInterface } from "#platform/simulator/guest-report.ts";
import { seededFraction } from "#platform/simulator/seeded-choice.ts";

/** Which guests: those whose name matches, and of these the given share, chosen by the seed. */
export interface GuestShare {
  readonly name?: RegExp;
  /** 0 to 1; all when absent. */
  readonly share?: number;
}

/** How guests behave. */
export interface GuestBehaviour {
  /** Whether phases Scheduling and Scheduled are written; true when absent. Two writes fewer per guest without. */
  readonly everyPhase?: boolean;
  /** Interfaces the guest agent reports some time after the networks' own. */
  readonly cniInterfaces?: readonly CniInterface[];
  /** Guests without a guest agent: they run and never report an address. */
  readonly silentAgents?: GuestShare;
  /** Guests whose agent falls silent once, right after its first report. */
  readonly blinkingAgents?: GuestShare & { readonly forMs: number };
}

/** Whether this guest is one of the share. */
export function isOneOf(
  share: GuestShare | undefined,
  guest: { readonly seed: number | string; readonly name: string; readonly what: string },
): boolean {
  if (share === undefined || share.name?.test(guest.name) === false) return false;
  return seededFraction(guest.seed, `${guest.what}/${guest.name}`) < (share.share ?? 1);
}
