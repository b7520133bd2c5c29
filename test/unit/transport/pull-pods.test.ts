import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, expect, it, onTestFinished } from "vitest";
import { RunnerFault } from "#events/transport/runner.ts";
import type { Deps } from "#functions/contract/deps.ts";
import { done, type Outcome } from "#functions/contract/outcome.ts";
import { MANAGEMENT } from "#platform/kube/view.ts";
import { createKubeClient } from "#platform/kube/rest.ts";
import { FakeClock } from "#test/support/fake-clock.ts";
import { widgetFunction, widgetView } from "#test/support/hub-bench.ts";
import { pod, pullHub } from "#test/unit/transport/pull-stage.ts";
import { dispatchOf, stage } from "#test/unit/transport/runner-stage.ts";

const at = { namespace: "default", name: "one" };
const acting = (handle: (deps: Deps) => Promise<Outcome>) =>
  widgetFunction({ handle: (_event, deps) => handle(deps) });

/** A step that waits for the test in its middle, and writes after it. */
function paused() {
  const gate = Promise.withResolvers<void>();
  const begun = Promise.withResolvers<void>();
  const fn = acting(async ({ management }) => {
    begun.resolve();
    await gate.promise;
    await management.mergePatch(widgetView.type, at, { status: { have: 1 } });
    return done();
  });
  return { fn, begun: begun.promise, goOn: gate.resolve };
}

/** An API server that counts the writes that reach it. */
async function apiServer() {
  const writes: string[] = [];
  const server = createServer((request, response) => {
    if (request.method !== "GET") writes.push(`${request.method} ${request.url}`);
    const metadata = { ...at, uid: "uid-one", resourceVersion: "2" };
    response.setHeader("content-type", "application/json");
    response.end(JSON.stringify({ apiVersion: "test.dev/v1", kind: "Widget", metadata, spec: { want: 1 } }));
  });
  onTestFinished(() => void server.close());
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const clock = new FakeClock();
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const client = createKubeClient({ connection: MANAGEMENT, server: url }, { clock });
  onTestFinished(() => client.close());
  return { writes, clock, world: { ...stage().world, management: () => client } };
}

describe("a pod", () => {
  it("that did not run until its lease was over writes nothing when it goes on, although no timer has fired yet", async () => {
    const { fn, begun, goOn } = paused();
    const { writes, clock, world } = await apiServer();
    const { runner, url, events } = await pullHub();
    const { ends } = pod(url, { world, functions: [fn], clock });
    const run = runner.run(await dispatchOf(fn));
    run.catch(() => undefined);
    await begun;
    clock.stall(6_000);
    goOn();
    await expect.poll(() => runner.demand(fn.name).leased).toBe(0);
    expect(writes).toEqual([]);
    expect((await run).fault).toMatchObject({ reason: "unavailable" });
    expect(events.map(({ kind }) => kind)).toContain("leased");
    expect(ends).toEqual([]);
  });

  it("writes as long as its lease lasts", async () => {
    const { fn, begun, goOn } = paused();
    const { writes, clock, world } = await apiServer();
    const { runner, url } = await pullHub();
    pod(url, { world, functions: [fn], clock });
    const run = runner.run(await dispatchOf(fn));
    await begun;
    clock.stall(4_000);
    goOn();
    expect((await run).outcomes.get("uid-one")).toEqual(done());
    expect(writes).toHaveLength(1);
  });

  it("begins nothing when the lease it reads of ran out while it did not run", async () => {
    let runs = 0;
    const fn = acting(() => ((runs += 1), Promise.resolve(done())));
    const { runner, url } = await pullHub();
    const { ends, clock } = pod(url, { ...stage(), functions: [fn] });
    await expect.poll(() => asking(runner, fn.name)).toBe(true);
    clock.stall(60_000);
    runner.run(await dispatchOf(fn)).catch(() => undefined);
    await expect.poll(() => ends).toEqual(["late"]);
    expect(runs).toBe(0);
  });

  it("stops writing when the hub is gone, long before its lease is over", async () => {
    const gate = Promise.withResolvers<string>();
    const fn = acting(async ({ signal }) => {
      await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));
      gate.resolve(String(signal.reason));
      return done();
    });
    const { runner, url, server } = await pullHub();
    const { clock } = pod(url, { ...stage(), functions: [fn] });
    runner.run(await dispatchOf(fn)).catch(() => undefined);
    await expect.poll(() => runner.demand(fn.name).leased).toBe(1);
    await server.close();
    const reason = await Promise.race([gate.promise, ticking(clock, 1_000)]);
    expect(reason).toContain("the hub cannot be reached");
  });

  it("that ends finishes its step, gives back nothing else, and takes no more", async () => {
    const { fn, begun, goOn } = paused();
    const { runner, url } = await pullHub();
    const { worker } = pod(url, { ...stage(), functions: [fn] });
    const first = runner.run(await dispatchOf(fn));
    await begun;
    const second = runner.run(await dispatchOf(fn, { token: "1.2" }));
    second.catch(() => undefined);
    const drained = worker.drain();
    goOn();
    await drained;
    expect((await first).outcomes.get("uid-one")).toEqual(done());
    expect(runner.demand(fn.name)).toEqual({ waiting: 1, leased: 0 });
    runner.stop();
  });

  it.each([1, 3])("that is to run %d steps at once runs no more", async (concurrency) => {
    let now = 0;
    let most = 0;
    const gate = Promise.withResolvers<void>();
    const fn = acting(async () => {
      most = Math.max(most, (now += 1));
      await gate.promise;
      now -= 1;
      return done();
    });
    const { runner, url } = await pullHub();
    pod(url, { ...stage(), functions: [fn], concurrency });
    const runs = ["1.1", "1.2", "1.3", "1.4"].map(async (token) =>
      runner.run(await dispatchOf(fn, { token })),
    );
    await expect.poll(() => most).toBe(concurrency);
    gate.resolve();
    expect((await Promise.all(runs)).map(({ outcomes }) => outcomes.size)).toEqual([1, 1, 1, 1]);
    expect(most).toBe(concurrency);
  });

  it("of another version gets no work; one of the hub's own takes it", async () => {
    const fn = acting(() => Promise.resolve(done()));
    const { runner, url, others } = await pullHub();
    const old = pod(url, { ...stage(), functions: [fn], version: "0.0.0" });
    const run = runner.run(await dispatchOf(fn));
    await expect.poll(() => old.troubles).toContain(412);
    expect(others).toContain("0.0.0");
    expect(runner.demand(fn.name)).toEqual({ waiting: 1, leased: 0 });
    pod(url, { ...stage(), functions: [fn] });
    expect((await run).outcomes.size).toBe(1);
  });

  it("gets work of its own account's function only, and none while nobody can say whose it is", async () => {
    const rightsOf = async (token: string) =>
      token === "?"
        ? "unavailable"
        : token === "forged"
          ? "refused"
          : { mayTake: (name: string) => name === token };
    const fn = acting(() => Promise.resolve(done()));
    const { runner, url } = await pullHub({ rightsOf });
    const run = runner.run(await dispatchOf(fn));
    run.catch(() => undefined);
    for (const [token, status] of [
      ["forged", 401],
      ["?", 503],
      ["other", 403],
    ] as const) {
      const { troubles } = pod(url, { ...stage(), functions: [fn], token });
      await expect.poll(() => troubles).toContain(status);
    }
    expect(runner.demand(fn.name)).toEqual({ waiting: 1, leased: 0 });
    const taken = await fetch(`${url}/lease/widget-make`, {
      method: "POST",
      headers: { authorization: "Bearer widget-make" },
      body: JSON.stringify({ holder: "me", version: "0.0.1" }),
    });
    const { lease } = (await taken.json()) as { lease: string };
    const others = await Promise.all(
      ["renew", "outcome"].map((act) =>
        fetch(`${url}/${act}/${lease}`, {
          method: "POST",
          headers: { authorization: "Bearer other" },
          body: "{}",
        }),
      ),
    );
    expect(others.map(({ status }) => status)).toEqual([410, 410]);
    expect(runner.demand(fn.name)).toEqual({ waiting: 0, leased: 1 });
    const garbage = await fetch(`${url}/outcome/${lease}`, {
      method: "POST",
      headers: { authorization: "Bearer widget-make" },
      body: "<html>",
    });
    expect(garbage.status).toBe(400);
    await expect(run).rejects.toThrow(RunnerFault);
  });

  it("runs nothing for a hub that lost the lead once a newer one has given it work", async () => {
    let runs = 0;
    const fn = acting(() => ((runs += 1), Promise.resolve(done())));
    const { runner, url } = await pullHub();
    const { ends } = pod(url, { ...stage(), functions: [fn] });
    await runner.run(await dispatchOf(fn, { token: "7.1" }));
    await expect(runner.run(await dispatchOf(fn, { token: "6.9" }))).rejects.toThrow(RunnerFault);
    await expect.poll(() => ends).toEqual(["refused"]);
    expect(runs).toBe(1);
  });
});

/** Whether a pod waits for work of the function: what it is handed tells. */
async function asking(runner: { demand(name: string): unknown }, name: string): Promise<boolean> {
  await new Promise((resolve) => setTimeout(resolve, 100));
  return runner.demand(name) !== undefined;
}

/** Lets time go by on a fake clock, as real time does, up to a limit. */
async function ticking(clock: FakeClock, limitMs: number): Promise<string> {
  for (let passed = 0; passed < limitMs; passed += 10) {
    await clock.advance(10);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  return "nothing happened";
}
