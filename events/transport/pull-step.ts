import type { PullHub } from "#events/transport/pull-hub.ts";
import { renewedSchema, type Grant } from "#events/transport/pull-protocol.ts";
import { receivedDispatch } from "#events/transport/received-dispatch.ts";
import { runServed, type ServedSteps } from "#events/transport/served-step.ts";
import { sleep, type Clock } from "#platform/process/clock.ts";
import { Fence, momentOf, sinceMoment, type Moment } from "#platform/process/fence.ts";

/** What becomes of a step in a pod. */
export type PulledEnd =
  /** The hub has its outcome. */
  | "told"
  /** The lease was over before: the hub dropped the outcome, or was not told of any. */
  | "late"
  /** The dispatch could not be read here, or comes from a hub that has lost the lead. */
  | "refused"
  /** The hub could not be reached to tell it. */
  | "untold";

export interface PulledStep {
  readonly hub: PullHub;
  readonly clock: Clock;
  readonly grant: Grant;
  /** When the question was sent that the grant answers. */
  readonly sentAt: Moment;
  readonly steps: ServedSteps;
  /** Whether a dispatch of this epoch may be run. */
  readonly accepts: (epoch: number) => boolean;
}

/** Tries to reach the hub, and pauses before them, ms. In all shorter than any hub takes to start. */
const TRIES = 3;
const PAUSE_MS = 50;

/**
 * Runs one leased dispatch while its lease is renewed, and tells the hub the outcome. The right to write ends when the lease has run out by this machine's
 * clock, when the hub says that it is no more, and when the hub is gone: who comes after it knows nothing of this step. Never rejects.
 */
export async function runPulled({
  hub,
  clock,
  grant,
  sentAt,
  steps,
  accepts,
}: PulledStep): Promise<PulledEnd> {
  const { lease } = grant;
  const fence = new Fence(clock, sentAt, grant.heldMs + grant.lastsMs);
  const fn = steps.functions.find(({ name }) => name === grant.function);
  const dispatch = readDispatch(grant.event);
  if (!fence.open) return "late";
  if (fn === undefined || dispatch === undefined || !accepts(dispatch.epoch)) {
    await tell(hub, clock, lease, undefined);
    return "refused";
  }
  const end = new AbortController();
  const over = new AbortController();
  const unguarded = guard(clock, fence, end);
  void renew({ hub, clock, lease, fence }, end, over.signal);
  const answer = await runServed(steps, fn, dispatch, {
    end,
    deadlineMs: grant.heldMs + grant.deadlineMs - sinceMoment(clock, sentAt),
    mayWrite: () => fence.open,
  });
  over.abort();
  unguarded();
  return tell(hub, clock, lease, answer);
}

function readDispatch(event: unknown) {
  try {
    return receivedDispatch(event);
  } catch {
    return undefined;
  }
}

/** Ends the step when its fence closes, also while it waits for something. What is returned takes the guard off. */
function guard(clock: Clock, fence: Fence, end: AbortController): () => void {
  let cancel = clock.schedule(fence.leftMs, look);
  function look(): void {
    if (fence.open) cancel = clock.schedule(fence.leftMs, look);
    else end.abort(new Error("the lease ran out"));
  }
  return () => cancel();
}

interface Renewing {
  readonly hub: PullHub;
  readonly clock: Clock;
  readonly lease: string;
  readonly fence: Fence;
}

/** Renews until the step is over; what the hub says, or that it is silent, may end it. */
async function renew(
  { hub, clock, lease, fence }: Renewing,
  end: AbortController,
  over: AbortSignal,
): Promise<void> {
  let failures = 0;
  while (!over.aborted && !end.signal.aborted) {
    const sentAt = momentOf(clock);
    const answer = await hub.post(`/renew/${lease}`, {}).catch(() => undefined);
    if (over.aborted) return;
    const renewed = answer?.status === 200 ? renewedSchema.safeParse(answer.json).data : undefined;
    if (renewed !== undefined) {
      fence.extend(sentAt, renewed.heldMs + renewed.lastsMs);
      failures = 0;
      continue;
    }
    if (answer?.status === 410) end.abort(new Error("the hub has taken the lease away"));
    if (answer === undefined && (failures += 1) === TRIES) end.abort(new Error("the hub cannot be reached"));
    await sleep(clock, PAUSE_MS, end.signal).catch(() => undefined);
  }
}

async function tell(hub: PullHub, clock: Clock, lease: string, answer: unknown): Promise<PulledEnd> {
  for (let tries = 1; tries <= TRIES; tries += 1) {
    const told = await hub.post(`/outcome/${lease}`, answer ?? {}).catch(() => undefined);
    if (told?.status === 200) return "told";
    if (told?.status === 410) return "late";
    if (told?.status === 400) return "refused";
    await sleep(clock, PAUSE_MS * 2 ** tries);
  }
  return "untold";
}
