import { describe, expect, it } from "vitest";

import { createRequestBudget } from "#platform/kube/request-budget.ts";
import { manualClock } from "./test-clocks.ts";

const settle = () => new Promise((resolve) => setImmediate(resolve));

function start(options: { requestsPerSecond?: number; burst?: number; inFlight?: number } = {}) {
  const clock = manualClock();
  const budget = createRequestBudget({ clock, requestsPerSecond: 10, burst: 2, inFlight: 100, ...options });
  const granted: string[] = [];
  const releases = new Map<string, (throttled?: boolean) => void>();
  const ask = (who: string, signal?: AbortSignal, background?: boolean) =>
    budget.acquire(signal, background).then(
      (release) => {
        granted.push(who);
        releases.set(who, release);
      },
      () => granted.push(`${who} left`),
    );
  return { clock, budget, granted, releases, ask };
}

describe("request budget", () => {
  it("lets a burst through and then one request per interval, first come first served", async () => {
    const { clock, granted, ask } = start();
    for (const who of ["a", "b", "c", "d"]) void ask(who);
    await settle();
    expect(granted).toEqual(["a", "b"]);
    clock.advance(100);
    await settle();
    expect(granted).toEqual(["a", "b", "c"]);
    clock.advance(100);
    await settle();
    expect(granted).toEqual(["a", "b", "c", "d"]);
  });

  it("lets what is sent in the background wait for all others, and keep half of a burst for those to come", async () => {
    const { clock, granted, ask } = start({ burst: 4 });
    for (const who of ["x", "y", "z"]) void ask(who, undefined, true);
    await settle();
    expect(granted).toEqual(["x", "y"]);
    for (const who of ["a", "b", "c"]) void ask(who);
    await settle();
    expect(granted).toEqual(["x", "y", "a", "b"]);
    clock.advance(100);
    await settle();
    expect(granted).toEqual(["x", "y", "a", "b", "c"]);
    clock.advance(290);
    await settle();
    expect(granted).toHaveLength(5);
    clock.advance(10);
    await settle();
    expect(granted.slice(5)).toEqual(["z"]);
  });

  it("serves who comes while something in the background waits as soon as there is a token", async () => {
    const { clock, granted, ask } = start({ burst: 4 });
    for (const who of ["a", "b", "c", "d"]) void ask(who);
    void ask("x", undefined, true);
    await settle();
    void ask("e");
    clock.advance(100);
    await settle();
    expect(granted).toEqual(["a", "b", "c", "d", "e"]);
  });

  it("limits requests in flight and frees the place on release, once", async () => {
    const { budget, granted, releases, ask } = start({ burst: 10, inFlight: 2 });
    for (const who of ["a", "b", "c", "d"]) void ask(who);
    await settle();
    expect(granted).toEqual(["a", "b"]);
    releases.get("a")?.();
    releases.get("a")?.();
    await settle();
    expect(granted).toEqual(["a", "b", "c"]);
    expect(budget.state()).toMatchObject({ waiting: 1, inFlight: 2 });
  });

  it("halves the rate after a 429, once for several together, and recovers within a minute", async () => {
    const { clock, budget, releases, ask, granted } = start();
    await Promise.all([ask("a"), ask("b")]);
    releases.get("a")?.(true);
    releases.get("b")?.(true);
    expect(budget.state().requestsPerSecond).toBe(5);
    void ask("c");
    clock.advance(150);
    await settle();
    expect(granted).toEqual(["a", "b"]);
    clock.advance(60);
    await settle();
    expect(granted).toEqual(["a", "b", "c"]);
    clock.advance(60_000);
    expect(budget.state().requestsPerSecond).toBe(10);
  });

  it("lets a waiting request leave when its signal aborts, without using its turn", async () => {
    const { clock, budget, granted, ask } = start({ burst: 1 });
    const leaving = new AbortController();
    void ask("a");
    void ask("b", leaving.signal);
    void ask("c");
    leaving.abort();
    await settle();
    clock.advance(100);
    await settle();
    expect(granted).toEqual(["a", "b left", "c"]);
    await ask("d", AbortSignal.abort());
    expect(granted.at(-1)).toBe("d left");
    expect(budget.state().waiting).toBe(0);
  });

  it("never stops for good, however many 429 come", async () => {
    const { clock, budget, releases, ask } = start({ burst: 1 });
    for (let n = 0; n < 20; n += 1) {
      const asked = ask(`r${n}`);
      clock.advance(20_000);
      await asked;
      releases.get(`r${n}`)?.(true);
    }
    expect(budget.state().requestsPerSecond).toBeGreaterThan(0.3);
  });
});
