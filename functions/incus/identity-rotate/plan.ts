import type { Identity } from "#functions/incus/identity-rotate/identity.ts";
import type { IdentityRecord } from "#platform/incus/identity-record.ts";
import { validityAt } from "#platform/x509/certificate.ts";

/**
 * How long a replaced certificate stays trusted, ms. Whoever uses the Secret reads it anew at each reconcile, at the latest at its resync of ten
 * minutes, and what it is doing then may take some more.
 */
export const GRACE_MS = 20 * 60_000;

type Former = NonNullable<IdentityRecord["former"]>[number];

/** What there is to do about the client certificate, in this order. */
export interface RotationPlan {
  /** A successor is stored that is not wanted any more, or is none. */
  readonly abandon: boolean;
  /** Two thirds of the client certificate's life are over. */
  readonly due: boolean;
  /** It is to be replaced. */
  readonly replace: boolean;
  /** Replaced certificates that nobody uses any more. */
  readonly retire: readonly Former[];
  /** Replaced certificates that stay trusted for now. */
  readonly keep: readonly Former[];
  /** When the first of those that stay can go; undefined when only another Secret holds it back, or there is none. */
  readonly retireAt: Date | undefined;
}

interface Situation {
  readonly identity: Identity;
  readonly former: readonly Former[];
  /** Whether anything may be changed. */
  readonly mayRotate: boolean;
  /** Whether another marked Secret holds the certificate with this fingerprint, as far as is known. */
  readonly isUsed: (fingerprint: string) => boolean;
}

/** Pure. What it rests on is in the Secret, so every step of a rotation can be taken up by another process. */
export function planRotation({ identity, former, mayRotate, isUsed }: Situation, now: Date): RotationPlan {
  const { client, next } = identity;
  const ended = ["due", "expired"].includes(validityAt(client.facts, now));
  const isFresh = next !== undefined && next !== "unusable" && validityAt(next.facts, now) === "valid";
  const gone = former.filter(({ fingerprint }) => fingerprint !== client.facts.fingerprint);
  const graceEnd = ({ replaced }: Former) => Date.parse(replaced) + GRACE_MS;
  const retire = mayRotate
    ? gone.filter((each) => graceEnd(each) <= now.getTime() && !isUsed(each.fingerprint))
    : [];
  const keep = gone.filter((each) => !retire.includes(each));
  const later = keep.map(graceEnd).filter((time) => time > now.getTime());
  return {
    abandon: next !== undefined && !(mayRotate && ended && isFresh),
    due: ended,
    replace: mayRotate && ended,
    retire,
    keep,
    retireAt: mayRotate && later.length > 0 ? new Date(Math.min(...later)) : undefined,
  };
}
