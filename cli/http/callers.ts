import type { Verify } from "#events/transport/callers.ts";
import { tokenIn, verifyByFile } from "#events/transport/token-file.ts";
import { verifyByReview } from "#events/transport/verify-by-review.ts";
import type { KubeReviewer } from "#platform/kube/client.ts";
import { isKubeError } from "#platform/kube/errors.ts";
import { tokenReviewer } from "#platform/kube/token-review.ts";
import type { Log } from "#platform/observability/log.ts";
import { seldom } from "#platform/observability/seldom.ts";
import type { Clock } from "#platform/process/clock.ts";

/** Flags that say who may have steps run. */
export interface CallerFlags {
  readonly tokenFile?: string;
  readonly tokenAudience?: string;
  readonly tokenUser?: readonly string[];
}

interface CallerWorld {
  readonly management: KubeReviewer;
  readonly clock: Clock;
  readonly log: Log;
}

/** Somebody who keeps coming with a wrong token is logged once in this time. */
const TELL_EVERY_MS = 60_000;

/** How callers are verified; undefined where only this machine can be the caller. Throws, with the flag and the mend, when that is left open. */
export async function callersOf(
  { tokenFile, tokenAudience, tokenUser = [] }: CallerFlags,
  host: string,
): Promise<(world: CallerWorld) => Verify | undefined> {
  if (tokenFile !== undefined && tokenAudience !== undefined)
    throw new Error("--token-file, --token-audience: two ways to know who calls; use one of them");
  if (tokenAudience !== undefined && tokenUser.length === 0)
    throw new Error(
      "--token-audience: any account could run steps; say who may, e.g. --token-user system:serviceaccount:capfn-system:capfn-hub",
    );
  if (tokenAudience === undefined && tokenUser.length > 0)
    throw new Error("--token-user: needs --token-audience, which says what tokens are taken");
  if (tokenAudience !== undefined) return (world) => byReview(world, tokenAudience, new Set(tokenUser));
  if (tokenFile === undefined && !isLoopback(host))
    throw new Error(
      "--bind-address: whoever reaches this address could run steps; add --token-audience and --token-user, or --token-file",
    );
  if (tokenFile !== undefined) await tokenIn(tokenFile);
  return () => (tokenFile === undefined ? undefined : verifyByFile(tokenFile));
}

function byReview({ management, clock, log }: CallerWorld, audience: string, users: ReadonlySet<string>) {
  const mayTell = seldom(clock, TELL_EVERY_MS);
  const tell = (why: string, fields: object, text: string): void => {
    const turn = mayTell(why);
    if (turn !== undefined) log.warn({ ...fields, passedOver: turn.passedOver }, text);
  };
  return verifyByReview({
    review: tokenReviewer({ client: management, audience, clock }),
    users,
    refused: (why) =>
      typeof why === "string"
        ? tell(why, { why, audience }, "a caller showed a token that lets nobody in")
        : tell("otherUser", { user: why.user }, "a caller is none of --token-user"),
    failed: (error) =>
      isKubeError(error, "forbidden")
        ? tell("forbidden", {}, "this account may not create tokenreviews; bind it to capfn-token-reviewer")
        : tell("failed", { error: nameOf(error) }, "the API server cannot say whose tokens these are"),
  });
}

function nameOf(error: unknown): string {
  if (isKubeError(error)) return error.reason;
  return error instanceof Error ? error.name : "unknown";
}

function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || host.startsWith("127.");
}
