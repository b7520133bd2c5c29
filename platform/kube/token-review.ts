import { createHash } from "node:crypto";
import * as z from "zod";
import type { KubeReviewer } from "#platform/kube/client.ts";
import { KubeError } from "#platform/kube/errors.ts";
import { tokenReviews } from "#platform/kube/resources.ts";
import type { Clock } from "#platform/process/clock.ts";

/** Why a token lets nobody in. For a person who looks for the mistake; only `user` in the other case is anybody's proof of anything. */
export type TokenRefusal =
  /** It is past its end. */
  | "expired"
  /** It is meant for somebody else, e.g. for the API server itself. */
  | "otherAudience"
  /** The API server does not know it: forged, of another cluster, or of an account or a pod that no longer exists. */
  | "notAuthenticated";

/** What the API server says of a token: whose it is, or why it counts for nothing. */
export type TokenVerdict =
  /** User name as RBAC has it, e.g. `system:serviceaccount:<namespace>:<name>`. */
  { readonly user: string } | { readonly refused: TokenRefusal };

/** Whose a bearer token is. Throws {@link KubeError} when the API server could not be asked, which says nothing about the token. */
export type ReviewToken = (token: string) => Promise<TokenVerdict>;

export interface TokenReviewOptions {
  /** The API server whose accounts are meant; its user needs `create` on `tokenreviews.authentication.k8s.io`. */
  readonly client: KubeReviewer;
  /** Whom the token must be meant for, as in the `audience` of a projected volume. */
  readonly audience: string;
  readonly clock: Clock;
}

/** Longest time an answer is used again, ms: so long does a revoked token still count. */
const TRUSTED_MS = 60_000;
/** Longest time a refused token is refused without asking again, ms. */
const REFUSED_MS = 10_000;
/** Answers kept of each sort; the oldest go first. */
const MOST_ANSWERS = 1_000;

/**
 * Judges tokens by TokenReview (Kubernetes API, `authentication.k8s.io/v1`). An answer is used again until the token's end, for a minute at most,
 * and is kept under a hash: the token itself is neither kept nor named in any error.
 */
export function tokenReviewer({ client, audience, clock }: TokenReviewOptions): ReviewToken {
  const trusted = new Map<string, Answer>();
  const refused = new Map<string, Answer>();
  const underWay = new Map<string, Promise<TokenVerdict>>();

  const known = (hash: string): TokenVerdict | undefined => {
    const answer = trusted.get(hash) ?? refused.get(hash);
    if (answer === undefined || clock.now() < answer.until) return answer?.verdict;
    trusted.delete(hash);
    refused.delete(hash);
    return undefined;
  };

  const ask = async (token: string, hash: string): Promise<TokenVerdict> => {
    const claims = claimsOf(token);
    // Nothing but a JWT can name an audience; and what names another one is not worth a request.
    if (claims === undefined) return { refused: "notAuthenticated" };
    if (!namesAudience(claims, audience)) return { refused: "otherAudience" };
    const user = await userOf(client, token, audience);
    const now = clock.now();
    const endsAt = (claims.exp ?? Infinity) * 1_000;
    const verdict: TokenVerdict =
      user === undefined ? { refused: endsAt <= now ? "expired" : "notAuthenticated" } : { user };
    if (user === undefined) keep(refused, hash, { verdict, until: now + REFUSED_MS });
    else keep(trusted, hash, { verdict, until: Math.min(endsAt, now + TRUSTED_MS) });
    return verdict;
  };

  return (token) => {
    const hash = createHash("sha256").update(token).digest("base64");
    const answer = known(hash);
    if (answer !== undefined) return Promise.resolve(answer);
    const pending = underWay.get(hash) ?? ask(token, hash).finally(() => underWay.delete(hash));
    underWay.set(hash, pending);
    return pending;
  };
}

interface Answer {
  readonly verdict: TokenVerdict;
  /** Wall clock, ms. */
  readonly until: number;
}

function keep(answers: Map<string, Answer>, hash: string, answer: Answer): void {
  answers.set(hash, answer);
  const [oldest] = answers.keys();
  if (answers.size > MOST_ANSWERS && oldest !== undefined) answers.delete(oldest);
}

const reviewSchema = z.looseObject({
  status: z.looseObject({
    authenticated: z.boolean().optional(),
    audiences: z.array(z.string()).optional(),
    user: z.looseObject({ username: z.string().optional() }).optional(),
  }),
});

/** The user a token belongs to; undefined when the API server does not accept it for this audience. Throws {@link KubeError}. */
async function userOf(client: KubeReviewer, token: string, audience: string): Promise<string | undefined> {
  const review = {
    apiVersion: "authentication.k8s.io/v1",
    kind: "TokenReview",
    spec: { token, audiences: [audience] },
  };
  const parsed = reviewSchema.safeParse(await client.review(tokenReviews, review));
  if (!parsed.success)
    throw new KubeError({
      reason: "unavailable",
      dependency: client.connection,
      message: `${client.connection}: create tokenreviews: the answer is no TokenReview; it may come from a proxy in between`,
    });
  const { authenticated, audiences, user } = parsed.data.status;
  // An authenticator that knows nothing of audiences answers without them: such a token is meant for the API server.
  return authenticated === true && audiences?.includes(audience) === true ? user?.username : undefined;
}

const claimsSchema = z.looseObject({
  exp: z.number().optional(),
  aud: z.union([z.string(), z.array(z.string())]).optional(),
});
type Claims = z.infer<typeof claimsSchema>;

/** What a JWT says of itself, unverified: for what need not be asked, and for the words of a refusal. */
function claimsOf(token: string): Claims | undefined {
  const [, payload = "", signature] = token.split(".");
  if (signature === undefined) return undefined;
  try {
    return claimsSchema.safeParse(JSON.parse(Buffer.from(payload, "base64url").toString("utf8"))).data;
  } catch {
    return undefined;
  }
}

function namesAudience({ aud = [] }: Claims, audience: string): boolean {
  return typeof aud === "string" ? aud === audience : aud.includes(audience);
}
