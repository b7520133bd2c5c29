import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, expect, it, onTestFinished } from "vitest";
import type { Verify } from "#events/transport/function-server.ts";
import { RunnerFault } from "#events/transport/runner.ts";
import { done } from "#functions/contract/outcome.ts";
import { widgetFunction } from "#test/support/hub-bench.ts";
import { dispatchOf, over, post, served, stage } from "#test/unit/transport/runner-stage.ts";

/** A function that counts its runs. */
function counted() {
  let runs = 0;
  const fn = widgetFunction({ handle: () => ((runs += 1), Promise.resolve(done())) });
  return { fn, runs: () => runs };
}

/** Somebody who answers every request alike, in the place of a function. */
async function answering(
  status: number,
  body: string,
  headers: Record<string, string> = {},
): Promise<string> {
  const server = createServer((request, response) => {
    request.resume();
    response.writeHead(status, headers).end(body);
  });
  onTestFinished(() => void server.close());
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

describe("functions behind HTTP", () => {
  it("run no step for a request that is not a dispatch of the hub, and say what is wrong with it", async () => {
    const { fn, runs } = counted();
    const url = await served(stage(), [fn]);
    const dispatch = await dispatchOf(fn);
    const problems = [
      await post(url, dispatch, { headers: { "ce-attempt": "x" } }),
      await post(url, dispatch, { headers: { "ce-type": "com.example" } }),
      await post(url, dispatch, { headers: { "capfn-deadline-ms": "soon" } }),
      await post(url, dispatch, { body: "{" }),
      await post(url, dispatch, {
        headers: { "content-type": "application/cloudevents-batch+json" },
        body: "[]",
      }),
    ];
    expect(problems.map(({ status }) => status)).toEqual(problems.map(() => 400));
    for (const problem of problems) expect(await problem.json()).toHaveProperty("error");
    expect((await post(`${url}/no`, dispatch)).status).toBe(404);
    expect((await post(url, { ...dispatch, function: { ...fn, name: "no" } })).status).toBe(404);
    expect(runs()).toBe(0);
    expect((await post(url, dispatch)).status).toBe(200);
    expect(runs()).toBe(1);
  });

  it("run no step for a hub that cannot show the token, or while nobody can say who asks", async () => {
    const { fn, runs } = counted();
    const verify: Verify = async (token) =>
      token === "ours" ? "allowed" : token === "?" ? "unavailable" : "refused";
    const url = await served(stage(), [fn], { verify });
    const dispatch = await dispatchOf(fn);
    await expect(over(url).run(dispatch)).rejects.toThrow(RunnerFault);
    await expect(over(url, "theirs").run(dispatch)).rejects.toMatchObject({ cause: { message: "HTTP 401" } });
    await expect(over(url, "?").run(dispatch)).rejects.toMatchObject({ retryAfterMs: 1_000 });
    expect(runs()).toBe(0);
    expect(await over(url, "ours").run(dispatch)).toMatchObject({ outcomes: new Map([["uid-one", done()]]) });
  });

  it("refuse a hub that has lost the lead once a newer one has asked", async () => {
    const { fn, runs } = counted();
    const url = await served(stage(), [fn]);
    await over(url).run(await dispatchOf(fn, { token: "7.1" }));
    await expect(over(url).run(await dispatchOf(fn, { token: "6.9" }))).rejects.toMatchObject({
      cause: { message: "HTTP 409" },
    });
    await over(url).run(await dispatchOf(fn, { token: "8.1" }));
    expect(runs()).toBe(2);
  });

  it("run an attempt once when it is sent twice at once, and answer both", async () => {
    let runs = 0;
    const gate = Promise.withResolvers<void>();
    const fn = widgetFunction({
      handle: async () => {
        runs += 1;
        await gate.promise;
        return done();
      },
    });
    const url = await served(stage(), [fn]);
    const dispatch = await dispatchOf(fn);
    const both = [over(url).run(dispatch), over(url).run(dispatch)];
    await expect.poll(() => runs).toBe(1);
    await new Promise((resolve) => setTimeout(resolve, 50));
    gate.resolve();
    const said = await Promise.all(both);
    expect(said.map(({ outcomes }) => [...outcomes.keys()])).toEqual([["uid-one"], ["uid-one"]]);
    expect(runs).toBe(1);
  });

  it("go on with an attempt that was sent twice when one of the two no longer waits", async () => {
    let runs = 0;
    const gate = Promise.withResolvers<void>();
    const fn = widgetFunction({
      handle: async (_event, deps) => {
        runs += 1;
        await gate.promise;
        deps.ensureMayWrite();
        return done();
      },
    });
    const url = await served(stage(), [fn]);
    const gone = new AbortController();
    const first = over(url).run(await dispatchOf(fn, { signal: gone.signal }));
    await expect.poll(() => runs).toBe(1);
    const second = over(url).run(await dispatchOf(fn));
    await new Promise((resolve) => setTimeout(resolve, 50));
    gone.abort(new Error("tried again"));
    await first;
    await new Promise((resolve) => setTimeout(resolve, 50));
    gate.resolve();
    expect(await second).toMatchObject({ outcomes: new Map([["uid-one", done()]]) });
    expect(runs).toBe(1);
  });

  it("that cannot read the hub's snapshot are the platform's fault, not the object's", async () => {
    const { fn, runs } = counted();
    const url = await served(stage(), [fn]);
    const dispatch = await dispatchOf(fn);
    const answer = await post(url, dispatch, {
      body: JSON.stringify({ object: {}, related: {}, unknown: [] }),
    });
    const text = await answer.text();
    expect(answer.status).toBe(200);
    await expect(over(await answering(200, text)).run(dispatch)).rejects.toThrow(RunnerFault);
    expect(runs()).toBe(0);
  });
});

describe("the hub's side of functions behind HTTP", () => {
  const ok = { token: "1.1", outcomes: {}, written: [], writes: [], reached: [] };

  it.each([
    ["an error page", 502, "<html>", {}],
    ["not yet", 503, "", { "retry-after": "2" }],
    ["a page where an answer should be", 200, "<html>", {}],
    [
      "an outcome that does not exist",
      200,
      JSON.stringify({ ...ok, outcomes: { u: { kind: "maybe" } } }),
      {},
    ],
    ["the answer to another attempt", 200, JSON.stringify({ ...ok, token: "1.2" }), {}],
    ["a redirect", 302, "", { location: "http://127.0.0.1:9/" }],
    ["an answer without end", 200, " ".repeat(9 << 20), {}],
  ] as const)("takes %s for a fault of the platform", async (_what, status, body, headers) => {
    const { fn } = counted();
    const run = over(await answering(status, body, headers)).run(await dispatchOf(fn));
    const retryAfterMs = status === 503 ? 2_000 : undefined;
    await expect(run).rejects.toThrow(RunnerFault);
    await expect(run).rejects.toMatchObject({ retryAfterMs });
  });

  it("takes nobody there for a fault of the platform", async () => {
    const { fn } = counted();
    await expect(over("http://127.0.0.1:1").run(await dispatchOf(fn))).rejects.toThrow(RunnerFault);
  });

  it("takes an empty answer as a run that said nothing", async () => {
    const { fn } = counted();
    const result = await over(await answering(200, JSON.stringify(ok))).run(await dispatchOf(fn));
    expect(result).toMatchObject({ outcomes: new Map(), written: [] });
  });
});
