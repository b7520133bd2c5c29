import type { Verify } from "#events/transport/callers.ts";
import type { ReviewToken, TokenRefusal } from "#platform/kube/token-review.ts";

export interface VerifyByReviewOptions {
  readonly review: ReviewToken;
  /** Users who may ask, e.g. `system:serviceaccount:capfn-system:capfn-hub`; `system:serviceaccount:<namespace>:*` for all accounts of a namespace. */
  readonly users: ReadonlySet<string>;
  /** Hears why somebody was sent away: the refusal, or the user's name. */
  readonly refused: (why: TokenRefusal | { readonly user: string }) => void;
  /** Hears that nobody could be verified. */
  readonly failed: (error: unknown) => void;
}

/** Verifies callers by what the API server says of their tokens. While it does not answer nobody can be verified. */
export function verifyByReview({ review, users, refused, failed }: VerifyByReviewOptions): Verify {
  return async (token) => {
    try {
      const verdict = await review(token);
      if ("refused" in verdict) {
        refused(verdict.refused);
        return "refused";
      }
      if (isAmong(users, verdict.user)) return "allowed";
      refused(verdict);
      return "otherUser";
    } catch (error) {
      failed(error);
      return "unavailable";
    }
  };
}

/** Accounts of a namespace, `system:serviceaccount:<namespace>:*`, can be meant together: Knative gives the ones it makes names of its own. */
function isAmong(users: ReadonlySet<string>, user: string): boolean {
  if (users.has(user)) return true;
  const [, first = ""] = /^(system:serviceaccount:[^:]+:)[^:]+$/.exec(user) ?? [];
  return first !== "" && users.has(`${first}*`);
}
