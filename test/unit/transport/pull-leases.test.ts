import { describe, expect, it } from "vitest";
import { DeadlinePassed } from "#events/hub/attempts.ts";
import { LEASE_MS, MARGIN_MS, POLL_MS, RENEW_MS } from "#events/transport/pull-protocol.ts";
import { RunnerFault } from "#events/transport/runner.ts";
import { done } from "#functions/contract/outcome.ts";
import { widgetFunction } from "#test/support/hub-bench.ts";
import { settle } from "#test/support/fake-clock.ts";
import { pullHub } from "#test/unit/transport/pull-stage.ts";
import { dispatchOf } from "#test/unit/transport/runner-stage.ts";

const fn = widgetFunction();
const { name } = fn;
const never = new AbortController().signal;
const answerTo = (token: string) => ({ token, outcomes: {}, written: [], writes: [], reached: [] });

/** A dispatch that a pod has taken, and what becomes of it. */
async function leased() {
  const hub = await pullHub();
  const run = hub.runner.run(await dispatchOf(fn));
  run.catch(() => undefined);
  const grant = (await hub.runner.lease([name], "pod-a", never)) ?? expect.fail("no work");
  return { ...hub, run, grant };
}

describe("a lease", () => {
  it("that is neither renewed nor answered runs out after its margin, which is the platform's fault", async () => {
    const { clock, run, runner, grant, events } = await leased();
    expect(grant).toMatchObject({ function: name, heldMs: 0, lastsMs: LEASE_MS, deadlineMs: 30_000 });
    await clock.advance(LEASE_MS + MARGIN_MS - 1);
    expect(runner.functionOf(grant.lease)).toBe(name);
    await clock.advance(1);
    await expect(run).rejects.toThrow(RunnerFault);
    await expect(run).rejects.toMatchObject({ dependency: undefined });
    expect(runner.outcome(grant.lease, answerTo("1.1"))).toBe("gone");
    expect(events.map(({ kind }) => kind)).toEqual(["demand", "leased", "expired", "demand", "late"]);
  });

  it("that is renewed lasts to the step's deadline and no further, and is then the step's own fault", async () => {
    const { clock, run, runner, grant } = await leased();
    let ended: unknown;
    void run.then((result) => (ended = result));
    let lasts = 0;
    for (let tries = 0; tries < 20; tries += 1) {
      const asked = runner.renew(grant.lease);
      await clock.advance(2_000);
      const renewed = await asked;
      if (renewed === undefined) break;
      expect(renewed.lastsMs).toBeLessThanOrEqual(LEASE_MS);
      lasts = renewed.lastsMs;
    }
    expect(lasts).toBeLessThan(LEASE_MS);
    expect(clock.monotonic() - Date.parse("2026-11-21T12:00:00Z")).toBeGreaterThanOrEqual(30_000);
    await clock.advance(MARGIN_MS);
    expect(ended).toMatchObject({ token: "1.1", overran: true });
    expect((await run).fault).toBeInstanceOf(DeadlinePassed);
  });

  it("is no more as soon as the hub gives the attempt up, and a renewal that is held hears it at once", async () => {
    const end = new AbortController();
    const { runner } = await pullHub();
    const run = runner.run(await dispatchOf(fn, { signal: end.signal }));
    const grant = (await runner.lease([name], "pod-a", never)) ?? expect.fail("no work");
    const renewal = runner.renew(grant.lease);
    await settle();
    end.abort(new Error("the lead is lost"));
    expect(await renewal).toBeUndefined();
    expect((await run).fault).toEqual(new Error("the lead is lost"));
    expect(runner.outcome(grant.lease, answerTo("1.1"))).toBe("gone");
    expect(runner.demand(name)).toEqual({ waiting: 0, leased: 0 });
  });

  it("lasts no longer than the lead of the hub that gave it", async () => {
    let leadLeftMs = 3400;
    const { runner, clock } = await pullHub({ leadLeftMs: () => leadLeftMs });
    const end = new AbortController();
    const run = runner.run(await dispatchOf(fn, { signal: end.signal }));
    const grant = (await runner.lease([name], "pod-a", never)) ?? expect.fail("no work");
    expect(grant.lastsMs).toBe(3400);
    leadLeftMs = 1700;
    const renewal = runner.renew(grant.lease);
    await clock.advance(RENEW_MS);
    expect(await renewal).toEqual({ heldMs: RENEW_MS, lastsMs: 1700 });
    end.abort(new Error("over"));
    await run;
  });

  it("of a hub that has lost the lead is not renewed, and it gives out no other", async () => {
    let leadLeftMs = 60_000;
    const { runner } = await pullHub({ leadLeftMs: () => leadLeftMs });
    const end = new AbortController();
    const runs = [
      runner.run(await dispatchOf(fn, { signal: end.signal })),
      runner.run(await dispatchOf(fn, { token: "1.2", signal: end.signal })),
    ];
    const grant = (await runner.lease([name], "pod-a", never)) ?? expect.fail("no work");
    leadLeftMs = 0;
    expect(await runner.renew(grant.lease)).toBeUndefined();
    expect(await runner.lease([name], "pod-b", never)).toBeUndefined();
    end.abort(new Error("over"));
    await Promise.all(runs);
  });

  it.each([
    ["what is no answer", { outcomes: "all fine" }],
    ["nothing", undefined],
    ["the answer to another attempt", answerTo("1.2")],
    ["that the snapshot cannot be read", { ...answerTo("1.1"), fault: { kind: "unfit", problem: "spec" } }],
  ])("that is answered with %s is the platform's fault at once", async (_what, answer) => {
    const { run, runner, grant } = await leased();
    expect(runner.outcome(grant.lease, answer)).toBe("garbage");
    await expect(run).rejects.toThrow(RunnerFault);
  });
});

describe("work that waits for a pod", () => {
  it("is given back when none comes in time, and names the pods as what is missing", async () => {
    const { clock, runner, events } = await pullHub();
    const run = runner.run(await dispatchOf(fn));
    run.catch(() => undefined);
    expect(runner.pods.standing("1.1")).toBe(`waits for a pod of ${name}`);
    await clock.advance(runner.pods.longestWaitMs);
    await expect(run).rejects.toMatchObject({
      name: "RunnerFault",
      said: `no pod of ${name} came for it within 30000 ms`,
      dependency: `pods of ${name}`,
    });
    expect(events.map(({ kind }) => kind)).toEqual(["demand", "unclaimed", "demand"]);
    expect(runner.pods.standing("1.1")).toBeUndefined();
  });

  it("goes to the pod that has asked longest, and to none that has gone", async () => {
    const { runner } = await pullHub();
    const gone = new AbortController();
    const asked = ["pod-a", "pod-b", "pod-c"].map((holder) =>
      runner.lease([name], holder, holder === "pod-a" ? gone.signal : never),
    );
    await settle();
    gone.abort();
    const run = runner.run(await dispatchOf(fn));
    expect(await asked[0]).toBeUndefined();
    const grant = (await asked[1]) ?? expect.fail("no work");
    expect(runner.pods.standing("1.1")).toBe("runs in pod-b");
    runner.outcome(grant.lease, { ...answerTo("1.1"), outcomes: { "uid-one": done() } });
    expect((await run).outcomes).toEqual(new Map([["uid-one", done()]]));
    runner.stop();
    expect(await asked[2]).toBeUndefined();
  });

  it("is asked for in vain for some time, then the pod asks again", async () => {
    const { clock, runner } = await pullHub();
    let answered = false;
    const asked = runner.lease([name], "pod-a", never).finally(() => (answered = true));
    await clock.advance(POLL_MS - 1);
    expect(answered).toBe(false);
    await clock.advance(1);
    expect(await asked).toBeUndefined();
  });

  it("is first in line again when a pod that leaves has not begun it", async () => {
    const { runner } = await pullHub();
    const runs = [
      await dispatchOf(fn),
      await dispatchOf(fn, { token: "1.2" }),
      await dispatchOf(fn, { token: "1.3" }),
    ];
    for (const dispatch of runs) runner.run(dispatch).catch(() => undefined);
    const take = async (holder: string) =>
      (await runner.lease([name], holder, never)) ?? expect.fail("no work");
    const begun = await take("pod-a");
    const notBegun = await take("pod-a");
    runner.leave(["other"], { holder: "pod-a", keeps: [] });
    expect(runner.demand(name)).toEqual({ waiting: 1, leased: 2 });
    runner.leave([name], { holder: "pod-a", keeps: [begun.lease] });
    expect(runner.demand(name)).toEqual({ waiting: 2, leased: 1 });
    expect(runner.functionOf(notBegun.lease)).toBeUndefined();
    expect((await take("pod-b")).event).toMatchObject({ attempt: "1.2" });
    expect((await take("pod-b")).event).toMatchObject({ attempt: "1.3" });
  });

  it("goes back to a hub that stops, while what pods have may end", async () => {
    const { runner, run, grant } = await leased();
    const second = runner.run(await dispatchOf(fn, { token: "1.2" }));
    second.catch(() => undefined);
    runner.stop();
    await expect(second).rejects.toThrow("the hub stops");
    expect(runner.outcome(grant.lease, answerTo("1.1"))).toBe("taken");
    expect(await run).toMatchObject({ token: "1.1" });
  });
});
