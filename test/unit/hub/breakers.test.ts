import { describe, expect, it } from "vitest";
import * as z from "zod";
import { Breakers, defaultBreaker } from "#events/hub/breakers.ts";
import { deadDependency } from "#events/hub/faults.ts";
import { relations } from "#functions/contract/relations.ts";
import { done } from "#functions/contract/outcome.ts";
import { KubeError } from "#platform/kube/errors.ts";
import type { ResourceView } from "#platform/kube/view.ts";
import { FakeClock, settle } from "#test/support/fake-clock.ts";
import { hubBench, partView, widget, widgetFunction, widgetView } from "#test/support/hub-bench.ts";

const dead = (dependency: string) => new KubeError({ reason: "unavailable", message: "refused", dependency });

/** Widgets live in ten Harvesters, by the namespace their part is named after. */
const boxView: ResourceView<object> = {
  type: { group: "test.dev", version: "v1", kind: "Box", plural: "boxes", namespaced: true },
  schema: z.object({}),
};
const harvesterOf = (object: { spec: { part?: string | undefined } }) =>
  `harvester/default/${object.spec.part ?? ""}`;

function tenHarvesters(servers = 10, perServer = 20) {
  let judged = 0;
  const fn = widgetFunction({
    needs: ({ object }) => (judged += 1) > 0 && object.spec.want !== object.status.have,
    related: relations(widgetView)
      .one("part", partView, () => undefined)
      .one("box", boxView, (own) => ({ connection: harvesterOf(own), namespace: "x", name: own.meta.name }), {
        optional: true,
      }),
    uses: ["management", "harvester"],
  });
  const bench = hubBench({ functions: [fn] });
  const objects = Array.from({ length: servers * perServer }, (_, n) =>
    widget({ name: `w${n}`, version: String(n + 1), part: `h${n % servers}` }),
  );
  /** Ends every run under way: those of the dead server fail. */
  let answered = 0;
  const answerAll = async (deadOnes: ReadonlySet<string>) => {
    const latencies: number[] = [];
    for (; answered < bench.runs.length; answered += 1) {
      const { dispatch, answer } = bench.runs[answered] ?? expect.fail();
      const item = dispatch.items[0]?.object ?? expect.fail();
      const server = harvesterOf(dispatch.lookup.get(widgetView, item) ?? expect.fail());
      latencies.push(bench.clock.now());
      void answer(
        deadOnes.has(server)
          ? { fault: dead(server), reached: ["management"] }
          : { ...finished(dispatch), reached: ["management", server] },
      );
    }
    await settle();
  };
  const finished = (dispatch: { items: readonly { object: { name: string } }[] }) => ({
    outcomes: new Map([[`uid-${dispatch.items[0]?.object.name}`, done()]]),
  });
  const ranAt = (server: string) =>
    bench.runs.filter(({ dispatch }) => {
      const item = dispatch.items[0]?.object ?? expect.fail();
      return harvesterOf(dispatch.lookup.get(widgetView, item) ?? expect.fail()) === server;
    }).length;
  /** How often a predicate was asked since the last time. */
  const judgements = () => {
    const since = judged;
    judged = 0;
    return since;
  };
  return { ...bench, objects, answerAll, ranAt, judgements };
}

describe("a dead API server", () => {
  it("among ten holds back its own items, and the other nine get on as if nothing were", async () => {
    const bench = tenHarvesters();
    await bench.list(...bench.objects);
    for (let n = 0; n < 20; n += 1) await bench.answerAll(new Set(["harvester/default/h3"]));
    const others = Array.from({ length: 10 }, (_, n) => bench.ranAt(`harvester/default/h${n}`)).toSpliced(
      3,
      1,
    );
    expect(others).toEqual(Array.from({ length: 9 }, () => 20));
    expect(bench.hub.figures()).toMatchObject({
      openBreakers: ["harvester/default/h3"],
      queued: 0,
      inFlight: 0,
    });
    expect(bench.ranAt("harvester/default/h3")).toBeLessThanOrEqual(20);
  });

  it("is asked by one probe at a time, less and less often, and its items never use up their budget", async () => {
    const bench = tenHarvesters(1, 50);
    await bench.list(...bench.objects);
    for (let seconds = 0; seconds < 600; seconds += 1) {
      await bench.answerAll(new Set(["harvester/default/h0"]));
      await bench.clock.advance(1_000);
    }
    expect(bench.runs.length).toBeLessThan(80);
    expect(bench.hub.figures().parked).toBe(0);
  }, 30_000);

  it("that hangs takes its share of places and no more", async () => {
    const bench = tenHarvesters(2, 200);
    await bench.list(...bench.objects);
    await settle();
    const open = bench.runs.length;
    expect(open).toBe(32);
    // The first answers, the second hangs: the first's 200 items are all served meanwhile.
    for (let n = 0; n < 400; n += 1) {
      const fine = bench.runs.filter(
        ({ dispatch }) => Number(dispatch.items[0]?.object.name.slice(1)) % 2 === 0,
      );
      await fine[n]?.answer(done());
      if (fine.length === n + 1 && bench.hub.figures().inFlight <= 16) break;
    }
    expect(bench.ranAt("harvester/default/h0")).toBe(200);
    expect(bench.ranAt("harvester/default/h1")).toBe(16);
    expect(bench.hub.figures()).toMatchObject({ queued: 184, inFlight: 16 });
  }, 30_000);

  it("costs the same however many items it holds back, also while a probe hangs", async () => {
    const bench = tenHarvesters(1, 500);
    const server = "harvester/default/h0";
    await bench.list(...bench.objects);
    for (let n = 0; n < 3; n += 1) await bench.answerAll(new Set([server]));
    await bench.clock.advance(2_000);
    expect(bench.hub.figures()).toMatchObject({ openBreakers: [server], inFlight: 1, queued: 0 });
    bench.judgements();
    await bench.clock.advance(25_000);
    expect(bench.judgements()).toBe(0);
    await bench.answerAll(new Set([server]));
    await bench.clock.advance(5_000);
    expect(bench.judgements()).toBeLessThan(20);
    const held = { connection: "management", namespace: "default", name: "w499" };
    expect(bench.hub.explain(held, widgetView)[0]).toMatchObject({ heldBy: server, queued: false });
  });

  it("that is back lets go what it held some at a time, each judged a few times at most", async () => {
    const bench = tenHarvesters(1, 1_000);
    await bench.list(...bench.objects);
    await bench.answerAll(new Set(["harvester/default/h0"]));
    await bench.clock.advance(2_000);
    bench.judgements();
    await bench.answerAll(new Set());
    const first = bench.judgements();
    expect(first).toBeGreaterThan(100);
    expect(first).toBeLessThan(600);
    for (let n = 0; n < 200 && bench.ranAt("harvester/default/h0") < 1_016; n += 1) {
      await bench.answerAll(new Set());
      await bench.clock.advance(50);
    }
    await bench.answerAll(new Set());
    expect(bench.ranAt("harvester/default/h0")).toBe(1_016);
    expect(bench.judgements()).toBeLessThan(5_000);
    expect(bench.hub.idle).toBe(true);
  }, 30_000);

  it("lets the next one try when the one that was to try has nothing to do any more", async () => {
    const bench = tenHarvesters(1, 50);
    await bench.list(...bench.objects);
    for (let n = 0; n < 3; n += 1) await bench.answerAll(new Set(["harvester/default/h0"]));
    const before = bench.runs.length;
    for (const [n, { metadata }] of bench.objects.slice(before, before + 3).entries())
      await bench.lose(widget({ name: metadata.name, version: `${200 + n}`, part: "h0" }));
    await bench.clock.advance(2_500);
    expect(bench.runs.at(-1)?.dispatch.items[0]?.object.name).toBe(`w${before + 3}`);
    expect(bench.runs).toHaveLength(before + 1);
  });

  it("that nobody looks at any more holds nothing back", async () => {
    const bench = tenHarvesters(1, 50);
    const server = "harvester/default/h0";
    await bench.list(...bench.objects);
    for (let n = 0; n < 3; n += 1) await bench.answerAll(new Set([server]));
    const before = bench.runs.length;
    bench.hub.connectionUnwanted(server);
    await settle();
    expect(bench.hub.figures().openBreakers).toEqual([]);
    expect(bench.runs.length - before).toBe(16);
  });

  it("that is back serves what was held, every item once", async () => {
    const bench = tenHarvesters(1, 50);
    await bench.list(...bench.objects);
    await bench.answerAll(new Set(["harvester/default/h0"]));
    for (let n = 0; n < 120; n += 1) {
      await bench.answerAll(new Set());
      await bench.clock.advance(1_000);
    }
    const outcomes = bench.events.filter((event) => event.kind === "outcome").map(({ outcome }) => outcome);
    expect(outcomes.filter((outcome) => outcome === "done")).toHaveLength(50);
    expect(outcomes.filter((outcome) => outcome === "fault")).toHaveLength(16);
    expect(bench.hub.figures()).toMatchObject({ openBreakers: [], queued: 0, inFlight: 0 });
  }, 30_000);
});

describe("a breaker", () => {
  const name = "harvester/a/b";
  const fresh = () => {
    const clock = new FakeClock();
    return { clock, breakers: new Breakers(clock, defaultBreaker) };
  };
  const fail = (breakers: Breakers, times: number) => {
    for (let n = 0; n < times; n += 1) breakers.ended([name], { dead: name, completed: false });
  };

  it("opens after failures in a row, and any answer in between starts the count anew", () => {
    const { breakers } = fresh();
    fail(breakers, 4);
    breakers.ended([name], { completed: true });
    fail(breakers, 4);
    expect(breakers.waitMs(name)).toBe(0);
    fail(breakers, 1);
    expect(breakers.waitMs(name)).toBe(2_000);
  });

  it("does not open wider because of what was under way when it opened", () => {
    const { breakers } = fresh();
    fail(breakers, 64);
    expect(breakers.waitMs(name)).toBe(2_000);
  });

  it("lets one probe through, and the next only when that has ended, whichever way", async () => {
    for (const end of [
      { completed: true, reached: [] },
      { completed: false },
      { completed: false, dead: "management" },
    ]) {
      const { breakers, clock } = fresh();
      fail(breakers, 5);
      await clock.advance(2_000);
      expect(breakers.waitMs(name)).toBe(0);
      breakers.sent([name]);
      expect(breakers.waitMs(name)).toBeGreaterThan(0);
      breakers.ended([name], end);
      expect(breakers.waitMs(name)).toBe(0);
      expect(breakers.open()).toContain(name);
    }
  });

  it("stays open twice as long after each failed probe, up to a minute", async () => {
    const { breakers, clock } = fresh();
    fail(breakers, 5);
    const waits = [];
    for (let n = 0; n < 7; n += 1) {
      waits.push(breakers.waitMs(name));
      await clock.advance(breakers.waitMs(name));
      breakers.sent([name]);
      fail(breakers, 1);
    }
    expect(waits).toEqual([2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000]);
  });

  it("is not closed by a run that did not ask this server", async () => {
    const { breakers, clock } = fresh();
    fail(breakers, 5);
    await clock.advance(2_000);
    breakers.sent([name, "management"]);
    breakers.ended([name, "management"], { completed: true, reached: ["management"] });
    expect(breakers.open()).toEqual([name]);
  });

  it("counts silence only: not a request that was never sent, nor one the server answered", () => {
    const error = (fields: object) =>
      new KubeError({ reason: "unavailable", message: "", dependency: name, ...fields });
    expect(deadDependency(error({}))).toBe(name);
    expect(deadDependency(error({ reason: "timeout" }))).toBe(name);
    expect(
      ["notSent", "notServed", "versionTooLarge"].map((detail) => deadDependency(error({ detail }))),
    ).toEqual([undefined, undefined, undefined]);
    expect(["conflict", "forbidden", "tooMany"].map((reason) => deadDependency(error({ reason })))).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
  });

  it("is not left half open for ever when the probe's object goes away meanwhile", async () => {
    const bench = tenHarvesters(1, 8);
    await bench.list(...bench.objects);
    await bench.answerAll(new Set(["harvester/default/h0"]));
    const before = bench.runs.length;
    for (let n = 0; bench.runs.length === before && n < 20; n += 1) await bench.clock.advance(500);
    const probe = bench.runs[before]?.dispatch.items[0]?.object.name ?? "";
    await bench.lose(widget({ name: probe, version: "5000" }));
    await bench.answerAll(new Set());
    for (let n = 0; n < 70; n += 1) {
      await bench.clock.advance(1_000);
      await bench.answerAll(new Set());
    }
    expect(bench.runs).toHaveLength(before + 8);
  });
});
