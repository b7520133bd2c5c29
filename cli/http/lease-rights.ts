import type { PullFlags, PullWorld } from "#cli/http/pull.ts";
import { version } from "#cli/version.ts";
import type { LeaseRights } from "#events/transport/pull-server.ts";
import { tokenIn, verifyByFile } from "#events/transport/token-file.ts";
import { isKubeError } from "#platform/kube/errors.ts";
import { createKubeClient } from "#platform/kube/rest.ts";
import { tokenReviewer } from "#platform/kube/token-review.ts";
import { seldom } from "#platform/observability/seldom.ts";

/** Whom a pod's token must be meant for, as in the `audience` of its projected volume. */
const AUDIENCE = "capfn-hub";

/** Somebody who keeps coming with a wrong token is logged once in this time, ms. */
const TELL_EVERY_MS = 60_000;

interface OpenRights {
  readonly of: LeaseRights;
  close(): void;
}

/**
 * Whose work a pod may take. By a token of its ServiceAccount, that of its own function; by the token in a file, where there are no
 * ServiceAccounts, that of all. The client that asks is one of its own, so that a busy hub keeps no pod waiting.
 */
export async function leaseRights(
  { pullTokenFile, ledgerNamespace }: PullFlags,
  world: PullWorld,
): Promise<OpenRights> {
  if (pullTokenFile !== undefined) {
    await tokenIn(pullTokenFile);
    const verify = verifyByFile(pullTokenFile);
    const of: LeaseRights = async (token) => {
      const verdict = await verify(token);
      return verdict === "allowed"
        ? { mayTake: () => true }
        : verdict === "unavailable"
          ? verdict
          : "refused";
    };
    return { of, close: () => undefined };
  }
  const { management, clock, random, log } = world;
  const client = createKubeClient(management, { clock, random, userAgent: `capfn-pull/${version}` });
  const review = tokenReviewer({ client, audience: AUDIENCE, clock });
  const mayTell = seldom(clock, TELL_EVERY_MS);
  const tell = (about: string, fields: Readonly<Record<string, unknown>>, text: string): void => {
    if (mayTell(about) !== undefined) log.warn(fields, text);
  };
  const of: LeaseRights = async (token) => {
    try {
      const verdict = await review(token);
      if (!("refused" in verdict))
        return {
          mayTake: (name) => verdict.user === `system:serviceaccount:${ledgerNamespace}:capfn-${name}`,
        };
      tell(
        verdict.refused,
        { why: verdict.refused, audience: AUDIENCE },
        "a pod showed a token that lets nobody in",
      );
      return "refused";
    } catch (error) {
      const why = isKubeError(error) ? error.reason : "error";
      tell(
        why,
        { error: why },
        "the API server does not say whose token a pod shows; may this account create tokenreviews?",
      );
      return "unavailable";
    }
  };
  return { of, close: () => client.close() };
}
