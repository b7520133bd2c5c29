import { mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { DeadlinePassed } from "#events/hub/attempts.ts";
import type { Verify } from "#events/transport/callers.ts";
import { RunnerFault } from "#events/transport/runner.ts";
import { tokenIn } from "#events/transport/token-file.ts";
import { done } from "#functions/contract/outcome.ts";
import { widgetFunction, widgetView } from "#test/support/hub-bench.ts";
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

  it("run nothing for a hub of another version, and say of which they are", async () => {
    const { fn, runs } = counted();
    const dispatch = await dispatchOf(fn);
    const url = await served(stage(), [fn], { version: "1.3.0" });
    const answer = await post(url, dispatch);
    expect(answer.status).toBe(412);
    expect(answer.headers.get("capfn-version")).toBe("1.3.0");
    expect(answer.headers.get("retry-after")).toBe("5");
    expect(await answer.json()).toEqual({ error: "capfn-version: this function is of version 1.3.0" });
    await expect(over(url).run(dispatch)).rejects.toMatchObject({
      said: "the function is of version 1.3.0, the hub of 1.2.3; both must be of one",
      retryAfterMs: 5_000,
    });
    expect(runs()).toBe(0);
  });

  it("refuse the user of a token that is somebody else's, and say so", async () => {
    const { fn, runs } = counted();
    const url = await served(stage(), [fn], { verify: async () => "otherUser" });
    await expect(over(url, "theirs").run(await dispatchOf(fn))).rejects.toMatchObject({
      said: "HTTP 403: the function does not take the hub's token",
    });
    expect(runs()).toBe(0);
  });

  it("hear of a cause whose id no header can hold", async () => {
    const seen: unknown[] = [];
    const fn = widgetFunction({ handle: ({ cause }) => (seen.push(cause.id), Promise.resolve(done())) });
    const url = await served(stage(), [fn]);
    const dispatch = await dispatchOf(fn);
    const cause = { ...(dispatch.items[0]?.cause ?? expect.fail()), id: 'M\u00fcller "\u20ac" 100%' };
    const items = dispatch.items.map((item) => ({ ...item, cause }));
    expect((await over(url).run({ ...dispatch, items })).outcomes.size).toBe(1);
    expect(seen).toEqual([cause.id]);
  });

  it("say that they have taken a step up before it ends", async () => {
    const gate = Promise.withResolvers<void>();
    const fn = widgetFunction({
      handle: async () => {
        await gate.promise;
        return done();
      },
    });
    const answer = await post(await served(stage(), [fn]), await dispatchOf(fn));
    expect(answer.status).toBe(200);
    expect(answer.headers.get("capfn-version")).toBe("1.2.3");
    gate.resolve();
    expect(await answer.json()).toMatchObject({ outcomes: { "uid-one": { kind: "done" } } });
  });

  it("give a key to its newer attempt when the older one has ended, and write nothing for the older", async () => {
    const on = stage();
    const gate = Promise.withResolvers<void>();
    const order: string[] = [];
    const fn = widgetFunction({
      handle: async (_event, { management, signal }) => {
        const older = order.length === 0;
        order.push(older ? "older begins" : "newer begins");
        if (!older) return done();
        await new Promise((resolve) => signal.addEventListener("abort", resolve));
        await gate.promise;
        await management
          .mergePatch(widgetView.type, { namespace: "default", name: "one" }, {})
          .catch(() => order.push("older writes nothing"));
        return done();
      },
    });
    const url = await served(on, [fn]);
    const older = over(url).run(await dispatchOf(fn, { token: "1.9" }));
    await expect.poll(() => order).toEqual(["older begins"]);
    const newer = over(url).run(await dispatchOf(fn, { token: "1.10" }));
    await expect(over(url).run(await dispatchOf(fn, { token: "1.8" }))).rejects.toMatchObject({
      cause: { message: "HTTP 409" },
    });
    expect(order).toEqual(["older begins"]);
    gate.resolve();
    expect((await newer).outcomes.size).toBe(1);
    await older;
    expect(order).toEqual(["older begins", "older writes nothing", "newer begins"]);
    expect(on.requests.filter(({ verb }) => verb === "mergePatch")).toEqual([]);
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

  const before = "from something before the function";
  const own = { "capfn-version": "1.2.3" };
  it.each([
    ["an error page", 502, "<html>", {}, `HTTP 502 ${before}`],
    ["a time limit of something in between", 504, "", {}, `HTTP 504 ${before}`],
    ["a page where nothing is served", 404, "<html>", {}, `HTTP 404 ${before}`],
    ["not yet", 503, "", { "retry-after": "2" }, `HTTP 503 ${before}`],
    ["a function's not yet", 503, "", { "retry-after": "2", ...own }, "HTTP 503: the function asks to wait"],
    ["a function's refusal", 401, "", own, "HTTP 401: the function does not take the hub's token"],
    ["another user's refusal", 403, "", own, "HTTP 403: the function does not take the hub's token"],
    [
      "a function of another version",
      412,
      "",
      { "capfn-version": "1.3.0" },
      "the function is of version 1.3.0, the hub of 1.2.3; both must be of one",
    ],
    ["a page where an answer should be", 200, "<html>", {}, "the answer is none of a function"],
    [
      "an outcome that does not exist",
      200,
      JSON.stringify({ ...ok, outcomes: { u: { kind: "maybe" } } }),
      own,
      "the answer is none of a function",
    ],
    [
      "the answer to another attempt",
      200,
      JSON.stringify({ ...ok, token: "1.2" }),
      own,
      "the answer is to another attempt",
    ],
    ["a redirect", 302, "", { location: "http://127.0.0.1:9/" }, "no answer"],
    ["an answer without end", 200, " ".repeat(9 << 20), {}, "the function's answer is too large"],
  ] as const)("takes %s for a fault of the platform, and says so", async (...each) => {
    const [, status, body, headers, said] = each;
    const { fn } = counted();
    const run = over(await answering(status, body, headers)).run(await dispatchOf(fn));
    const retryAfterMs = status === 503 ? 2_000 : undefined;
    await expect(run).rejects.toThrow(RunnerFault);
    await expect(run).rejects.toMatchObject({ said, retryAfterMs });
  });

  it.each([
    ["seconds", "7", 7_000],
    ["a date", "Sat, 21 Nov 2026 12:00:30 GMT", 30_000],
    ["a date that is past", "Sat, 21 Nov 2026 11:00:00 GMT", undefined],
    ["nothing", "0", undefined],
    ["a word", "soon", undefined],
  ])("reads how long to wait when it is %s", async (_what, retryAfter, retryAfterMs) => {
    const { fn } = counted();
    const url = await answering(503, "", { "retry-after": retryAfter });
    await expect(over(url).run(await dispatchOf(fn))).rejects.toMatchObject({ retryAfterMs });
  });

  it("tells a step that nobody took up before its deadline from one that took too long", async () => {
    const hanging = createServer((request, response) => {
      request.resume();
      if (request.url?.startsWith("/begun") === true)
        response.writeHead(200, { "capfn-version": "1.2.3" }).flushHeaders();
    });
    onTestFinished(() => {
      hanging.close();
      hanging.closeAllConnections();
    });
    await new Promise<void>((resolve) => hanging.listen(0, "127.0.0.1", resolve));
    const url = `http://127.0.0.1:${(hanging.address() as AddressInfo).port}`;
    const { fn } = counted();
    const until = async (path: string, reason: Error) => {
      const end = new AbortController();
      const run = over(`${url}${path}`).run(await dispatchOf(fn, { signal: end.signal }));
      await new Promise((resolve) => setTimeout(resolve, 200));
      end.abort(reason);
      return run;
    };
    const passed = new DeadlinePassed("passed");
    const untaken = await until("/never", passed);
    expect(untaken).toMatchObject({ mayStillRun: true });
    expect(untaken.fault).toBeInstanceOf(RunnerFault);
    expect(untaken.fault).toMatchObject({ said: "nobody took the step up before its deadline" });
    expect(await until("/begun", passed)).toMatchObject({ mayStillRun: true, fault: passed });
    const lost = new Error("the lead is lost");
    const ended = await until("/begun", lost);
    expect(ended.fault).toBe(lost);
    expect(ended.mayStillRun).toBeUndefined();
  });

  it("shows the token that is in the file now", async () => {
    const { fn } = counted();
    const directory = await mkdtemp(join(tmpdir(), "capfn-token-"));
    onTestFinished(() => rm(directory, { recursive: true }));
    const file = join(directory, "token");
    const verify: Verify = async (token) => (token === "second" ? "allowed" : "refused");
    const url = await served(stage(), [fn], { verify });
    const runner = over(url, () => tokenIn(file));
    const dispatch = await dispatchOf(fn);
    await expect(runner.run(dispatch)).rejects.toMatchObject({ said: "the hub has no token to show" });
    await writeFile(file, "first\n");
    await expect(runner.run(dispatch)).rejects.toMatchObject({ cause: { message: "HTTP 401" } });
    // As the kubelet replaces a projected token: by another file under the same name.
    await writeFile(`${file}.new`, "second\n");
    await rename(`${file}.new`, file);
    expect((await runner.run(dispatch)).outcomes.size).toBe(1);
  });

  it("takes nobody there for a fault of the platform", async () => {
    const { fn } = counted();
    const run = over("http://127.0.0.1:1").run(await dispatchOf(fn));
    await expect(run).rejects.toThrow(RunnerFault);
    await expect(run).rejects.toMatchObject({ said: expect.stringMatching(/^no answer/) });
  });

  it("takes an empty answer as a run that said nothing", async () => {
    const { fn } = counted();
    const result = await over(await answering(200, JSON.stringify(ok))).run(await dispatchOf(fn));
    expect(result).toMatchObject({ outcomes: new Map(), written: [] });
  });
});
