import { describe, expect, it } from "vitest";
import { KubeError } from "#platform/kube/errors.ts";
import { tokenReviewer } from "#platform/kube/token-review.ts";
import { FakeClock } from "#test/support/fake-clock.ts";
import { sendJson } from "#test/support/fault-server.ts";
import { failure, start } from "./client-harness.ts";

const USER = "system:serviceaccount:capfn-system:capfn-hub";
const AUDIENCE = "capfn-functions";

/** A token that says this of itself, as a JWT; its signature is the API server's business. */
function tokenOf(claims: { exp?: number; aud?: string | string[]; jti?: string }): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
  return `${part({ alg: "RS256" })}.${part({ aud: [AUDIENCE], ...claims })}.c2lnbmF0dXJl`;
}

/** An API server that answers reviews in turn; the last answer stays. */
function reviews(...answers: (object | Error)[]) {
  const clock = new FakeClock();
  const asked: unknown[] = [];
  const review = async (_type: unknown, question: unknown): Promise<unknown> => {
    asked.push(question);
    const answer = answers.length > 1 ? answers.shift() : answers[0];
    if (answer instanceof Error) throw answer;
    return { kind: "TokenReview", metadata: {}, status: answer };
  };
  const judge = tokenReviewer({ client: { connection: "management", review }, audience: AUDIENCE, clock });
  const seconds = (fromNow: number) => clock.now() / 1_000 + fromNow;
  return { clock, asked, judge, seconds };
}

const ours = { authenticated: true, audiences: [AUDIENCE], user: { username: USER } };
const nobodys = { authenticated: false, error: "a text that quotes the token" };

describe("a bearer token", () => {
  it("is whose the API server says it is, for this audience", async () => {
    const { judge, asked, seconds } = reviews(ours);
    const token = tokenOf({ exp: seconds(600) });
    expect(await judge(token)).toEqual({ user: USER });
    expect(asked).toEqual([
      {
        apiVersion: "authentication.k8s.io/v1",
        kind: "TokenReview",
        spec: { token, audiences: [AUDIENCE] },
      },
    ]);
  });

  it("is asked about once a minute, and once when many ask at the same time", async () => {
    const { judge, asked, seconds, clock } = reviews(ours, ours, nobodys);
    const token = tokenOf({ exp: seconds(600) });
    await Promise.all([judge(token), judge(token), judge(token)]);
    await clock.advance(59_000);
    await judge(token);
    expect(asked).toHaveLength(1);
    await clock.advance(1_000);
    expect(await judge(token)).toEqual({ user: USER });
    expect(asked).toHaveLength(2);
    await clock.advance(60_000);
    expect(await judge(token)).toEqual({ refused: "notAuthenticated" });
  });

  it("is trusted no longer than it lasts", async () => {
    const { judge, seconds, clock } = reviews(ours, nobodys);
    const token = tokenOf({ exp: seconds(5) });
    expect(await judge(token)).toEqual({ user: USER });
    await clock.advance(5_000);
    expect(await judge(token)).toEqual({ refused: "expired" });
  });

  it("that is refused is refused again without a question, for ten seconds", async () => {
    const { judge, asked, seconds, clock } = reviews(nobodys);
    const token = tokenOf({ exp: seconds(600) });
    expect(await judge(token)).toEqual({ refused: "notAuthenticated" });
    await clock.advance(9_999);
    await judge(token);
    expect(asked).toHaveLength(1);
    await clock.advance(1);
    await judge(token);
    expect(asked).toHaveLength(2);
  });

  it.each([
    ["is garbage", "garbage", "notAuthenticated"],
    ["has three parts of garbage", "a.b.c", "notAuthenticated"],
    ["is meant for somebody else", tokenOf({ aud: "capfn-hub" }), "otherAudience"],
    ["is meant for nobody", tokenOf({ aud: [] }), "otherAudience"],
  ])("that %s is refused without a question", async (_what, token, refused) => {
    const { judge, asked } = reviews(ours);
    expect(await judge(token)).toEqual({ refused });
    expect(asked).toEqual([]);
  });

  it.each([
    ["for another audience", { ...ours, audiences: ["capfn-hub"] }],
    ["by an authenticator that knows no audiences", { ...ours, audiences: undefined }],
  ])("that is accepted %s lets nobody in", async (_what, answer) => {
    const { judge } = reviews(answer);
    expect(await judge(tokenOf({}))).toEqual({ refused: "notAuthenticated" });
  });

  it("that could not be asked about is neither trusted nor refused, and is asked about again", async () => {
    const down = new KubeError({ reason: "unavailable", dependency: "management", message: "down" });
    const { judge } = reviews(down, ours);
    const token = tokenOf({});
    await expect(judge(token)).rejects.toBe(down);
    expect(await judge(token)).toEqual({ user: USER });
  });

  it("stays known however many others come, up to a thousand", async () => {
    const { judge, asked } = reviews(ours);
    for (let n = 0; n < 1_001; n += 1) await judge(tokenOf({ jti: String(n) }));
    await judge(tokenOf({ jti: "1" }));
    expect(asked).toHaveLength(1_001);
    await judge(tokenOf({ jti: "0" }));
    expect(asked).toHaveLength(1_002);
  });

  it("is in no error, whatever the API server answers", async () => {
    const token = tokenOf({ jti: "secret" });
    for (const [status, body] of [
      [422, { kind: "Status", reason: "Invalid", message: `TokenReview "${token}" is invalid` }],
      [403, { kind: "Status", reason: "Forbidden", message: `cannot create ${token}` }],
      [200, { kind: "Page", token }],
    ] as const) {
      const { client, clock } = await start((_request, answer) => sendJson(answer, status, body));
      const error = await failure(tokenReviewer({ client, audience: AUDIENCE, clock })(token));
      expect(error.status ?? 200).toBe(status);
      expect(`${error.message} ${JSON.stringify(error)}`).not.toContain(token);
    }
  });

  it("may be asked about by a process that may not write", async () => {
    const { client, clock } = await start(
      (_request, answer) => sendJson(answer, 201, { kind: "TokenReview", status: ours }),
      { mayWrite: () => false },
    );
    expect(await tokenReviewer({ client, audience: AUDIENCE, clock })(tokenOf({}))).toEqual({ user: USER });
  });
});
