import * as z from "zod";

/**
 * What pods and hub say to each other, all in POST requests with JSON bodies. `/lease/<functions>` (names with commas between) is held until there is work or
 * {@link POLL_MS} are over, and answered by a {@link grantSchema} or 204. `/renew/<lease>` is held for {@link RENEW_MS} and answered by a
 * {@link renewedSchema}, or 410 as soon as the lease is no more. `/outcome/<lease>` takes the answer of the run; `/leave/<functions>` gives back what was not begun.
 */

/** How long a question for work is held when there is none, ms. */
export const POLL_MS = 25_000;

/**
 * How long a lease lasts at most, ms, counted by the pod from when it sent its question. It never outlasts the hub's own Lease, so that no pod
 * may still write what an earlier leader handed out.
 */
export const LEASE_MS = 5_000;

/** How long a renewal is held, ms: so the pod hears at once when the hub takes the lease away, or is gone. */
export const RENEW_MS = 1_500;

/** After a lease has run out the hub waits this long, ms, before anybody else gets its key: for what the pod sent at the last moment. */
export const MARGIN_MS = 2_000;

/** Largest body either side takes: a snapshot with a pool of 10,000 entries is about 1 MB. */
export const BODY_LIMIT_BYTES = 8 << 20;

export const holderSchema = z.object({
  /** Names the process, e.g. `<pod>_<random>`. */
  holder: z.string().min(1).max(200),
  /** Version of its code. */
  version: z.string().max(200),
});

export const leaveSchema = z.object({
  holder: z.string().min(1).max(200),
  /** Leases it goes on with. */
  keeps: z.array(z.string()),
});

/** How long a pod may act: `heldMs` since it sent the question, and `lastsMs` more. */
export const renewedSchema = z.object({ heldMs: z.number(), lastsMs: z.number() });

export const grantSchema = renewedSchema.extend({
  lease: z.string(),
  function: z.string(),
  /** Time the whole step has from the grant on, ms. */
  deadlineMs: z.number(),
  /** The dispatch, as a structured CloudEvent. */
  event: z.unknown(),
});

export type Leaving = z.infer<typeof leaveSchema>;
export type Grant = z.infer<typeof grantSchema>;
export type Renewed = z.infer<typeof renewedSchema>;
