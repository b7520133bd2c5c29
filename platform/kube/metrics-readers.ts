import { createHash } from "node:crypto";
import * as z from "zod";
import type { KubeReviewer } from "#platform/kube/client.ts";
import { subjectAccessReviews, tokenReviews } from "#platform/kube/resources.ts";
import type { Clock } from "#platform/process/clock.ts";

/** Whether whoever shows a token may read figures: `unknown` when the API server does not know the token. */
export type ReaderVerdict = "allowed" | "forbidden" | "unknown";

/** Judges a bearer token. Throws a KubeError when the API server could not be asked. */
export type JudgeReader = (token: string) => Promise<ReaderVerdict>;

/** Longest time an answer is used again, ms: several scrapes of one Prometheus, and so long does a right that was taken away still count. */
const TRUSTED_MS = 60_000;
/** Longest time a refusal is used again, ms. */
const REFUSED_MS = 10_000;
/** Answers kept; the oldest go first. */
const MOST_ANSWERS = 100;

const reviewedToken = z.looseObject({
  status: z.looseObject({
    authenticated: z.boolean().optional(),
    user: z
      .looseObject({
        username: z.string().optional(),
        uid: z.string().optional(),
        groups: z.array(z.string()).optional(),
        extra: z.record(z.string(), z.array(z.string())).optional(),
      })
      .optional(),
  }),
});
const reviewedAccess = z.looseObject({ status: z.looseObject({ allowed: z.boolean() }) });

/**
 * Asks the API server, as controller-runtime does for its metrics: whose the token is (TokenReview), and whether that user may `get` the path
 * `/metrics` (SubjectAccessReview, a nonResourceURL of RBAC). The token is kept under a hash only.
 */
export function metricsReaders({ client, clock }: { client: KubeReviewer; clock: Clock }): JudgeReader {
  const answers = new Map<string, { readonly verdict: ReaderVerdict; readonly until: number }>();
  return async (token) => {
    const hash = createHash("sha256").update(token).digest("base64");
    const answer = answers.get(hash);
    if (answer !== undefined && clock.monotonic() < answer.until) return answer.verdict;
    const verdict = await judge(client, token);
    const until = clock.monotonic() + (verdict === "allowed" ? TRUSTED_MS : REFUSED_MS);
    answers.delete(hash);
    answers.set(hash, { verdict, until });
    const [oldest] = answers.keys();
    if (answers.size > MOST_ANSWERS && oldest !== undefined) answers.delete(oldest);
    return verdict;
  };
}

async function judge(client: KubeReviewer, token: string): Promise<ReaderVerdict> {
  const { status } = reviewedToken.parse(
    await client.review(tokenReviews, {
      apiVersion: "authentication.k8s.io/v1",
      kind: "TokenReview",
      spec: { token },
    }),
  );
  const { username: user, uid, groups, extra } = status.user ?? {};
  if (status.authenticated !== true || user === undefined) return "unknown";
  const nonResourceAttributes = { path: "/metrics", verb: "get" };
  const access = reviewedAccess.parse(
    await client.review(subjectAccessReviews, {
      apiVersion: "authorization.k8s.io/v1",
      kind: "SubjectAccessReview",
      spec: { user, uid, groups, extra, nonResourceAttributes },
    }),
  );
  return access.status.allowed ? "allowed" : "forbidden";
}
