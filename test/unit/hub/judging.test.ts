import { describe, expect, it } from "vitest";
import { done } from "#functions/contract/outcome.ts";
import { relations } from "#functions/contract/relations.ts";
import type { Scope } from "#events/hub/names.ts";
import type { KubeObject } from "#platform/kube/resource.ts";
import { MANAGEMENT, type ResourceView } from "#platform/kube/view.ts";
import { FakeClock, settle } from "#test/support/fake-clock.ts";
import { hubBench, part, partView, widget, widgetFunction, widgetView } from "#test/support/hub-bench.ts";

/** A clock on which work takes time. */
class BusyClock extends FakeClock {
  workedMs = 0;

  override monotonic(): number {
    return super.monotonic() + this.workedMs;
  }
}

const names = Array.from({ length: 35 }, (_, n) => `w${String(n).padStart(2, "0")}`);
const widgets = names.map((name, n) => widget({ name, version: String(n + 1) }));

/** Predicates that take 1 ms each. */
function busyBench() {
  const clock = new BusyClock();
  const judged: string[] = [];
  const bench = hubBench({
    clock,
    functions: [
      widgetFunction({
        needs: ({ object }) => {
          clock.workedMs += 1;
          judged.push(object.meta.name);
          return object.spec.want !== object.status.have;
        },
      }),
    ],
  });
  return { ...bench, clock, judged };
}

describe("many objects that change at once", () => {
  it("are judged a slice of 10 ms at a time, in the order in which they came", async () => {
    const bench = busyBench();
    await bench.list(...widgets.map((each) => ({ ...each, status: { have: 1 } })));
    expect(bench.judged).toEqual(names.slice(0, 10));
    expect(bench.hub.idle).toBe(false);
    await bench.clock.advance(0);
    expect(bench.judged).toEqual(names);
    expect(bench.hub.idle).toBe(true);
  });

  it("run as soon as they are judged, not when all are", async () => {
    const bench = busyBench();
    await bench.list(...widgets);
    expect(bench.runs.map(({ dispatch }) => dispatch.items[0]?.object.name)).toEqual(names.slice(0, 10));
    await bench.clock.advance(0);
    expect(bench.runs).toHaveLength(names.length);
  });

  it("keep their turn when they change again before it, and are judged once, as they are then", async () => {
    const bench = busyBench();
    const content = widgets.map((each) => ({ ...each, status: { have: 1 } }));
    await bench.list(...content);
    await bench.see(widget({ name: "w30", version: "101", want: 0, have: 0 }));
    await bench.see(widget({ name: "w12", version: "102", want: 5, have: 5 }));
    await bench.clock.advance(0);
    expect(bench.judged).toEqual(names);
  });
});

const byPart = (options: { optional?: boolean } = {}) =>
  relations(widgetView).one(
    "part",
    partView,
    (own) =>
      own.spec.part === undefined
        ? undefined
        : { connection: MANAGEMENT, namespace: "default", name: own.spec.part },
    options,
  );

describe("a change of a related object", () => {
  it("evaluates only the functions that look at it; a change of the object itself evaluates all", async () => {
    const evaluated: string[] = [];
    const alone = relations(widgetView).one("part", partView, () => undefined);
    const bench = hubBench({
      functions: ["looks", "alone"].map((name) =>
        widgetFunction({
          name,
          related: name === "looks" ? byPart() : alone,
          needs: () => {
            evaluated.push(name);
            return false;
          },
        }),
      ),
    });
    await bench.list(widget({ version: "1", part: "a" }), part({ name: "a", version: "2", size: 1 }));
    evaluated.length = 0;
    await bench.see(part({ name: "a", version: "101", size: 2 }));
    expect(evaluated).toEqual(["looks"]);
    evaluated.length = 0;
    await bench.see(widget({ version: "102", part: "a", want: 3 }));
    expect(evaluated).toEqual(["looks", "alone"]);
    evaluated.length = 0;
    await bench.see(part({ name: "a", version: "103", size: 3 }));
    expect(evaluated).toEqual(["looks"]);
  });

  it("still evaluates a function whose relation threw after it had looked there", async () => {
    let broken = false;
    const bench = hubBench({
      functions: [
        widgetFunction({
          related: byPart().one("other", partView, () => {
            if (broken) throw new Error("cannot be");
            return { connection: MANAGEMENT, namespace: "default", name: "other" };
          }),
        }),
      ],
    });
    await bench.list(widget({ version: "1", part: "a", want: 1, have: 1 }));
    broken = true;
    await bench.see(widget({ version: "101", part: "a", want: 2, have: 1 }));
    expect(bench.runs).toHaveLength(0);
    broken = false;
    await bench.see(part({ name: "other", version: "102", size: 1 }));
    expect(bench.runs).toHaveLength(1);
  });

  it("evaluates a function whose relation threw from the first on, if what it looked at before changes", async () => {
    let broken = true;
    const bench = hubBench({
      functions: [
        widgetFunction({
          related: byPart().one("other", partView, () => {
            if (broken) throw new Error("cannot be");
            return undefined;
          }),
        }),
      ],
    });
    await bench.list(widget({ version: "1", part: "a" }));
    broken = false;
    await bench.see(part({ name: "a", version: "101", size: 1 }));
    expect(bench.runs).toHaveLength(1);
    expect(bench.events.filter(({ kind }) => kind === "predicateFailed")).toHaveLength(1);
  });
});

describe("an object that rests on several streams", () => {
  const other = (connection: string, optional = false) =>
    byPart().one("other", partView, () => ({ connection, namespace: "default", name: "x" }), { optional });

  async function evaluations(optional: boolean) {
    const evaluated: string[] = [];
    const named = (name: string, related: ReturnType<typeof other>) => {
      const fn = widgetFunction({ name, related });
      return {
        ...fn,
        evaluate: (...args: Parameters<typeof fn.evaluate>) => {
          evaluated.push(name);
          return fn.evaluate(...args);
        },
      };
    };
    const bench = hubBench({
      functions: [named("both", other("far", optional)), named("near", other(MANAGEMENT))],
    });
    await bench.hub.start();
    list(bench, widgetView, MANAGEMENT, widget({ version: "1", part: "a" }));
    await settle();
    evaluated.length = 0;
    return { bench, evaluated };
  }

  it("is judged once, with the last of them, per function", async () => {
    const { bench, evaluated } = await evaluations(false);
    list(bench, partView, MANAGEMENT);
    await settle();
    expect(new Set(evaluated)).toEqual(new Set(["near"]));
    expect(bench.runs.map(({ dispatch }) => dispatch.function.name)).toEqual(["near"]);
    await bench.runs[0]?.answer(done());
    evaluated.length = 0;
    list(bench, partView, "far");
    await settle();
    expect(new Set(evaluated)).toEqual(new Set(["both"]));
    expect(bench.runs.map(({ dispatch }) => dispatch.function.name)).toEqual(["near", "both"]);
  });

  it("need not wait for those it can do without, and looks again with each of them", async () => {
    const { bench, evaluated } = await evaluations(true);
    list(bench, partView, MANAGEMENT);
    await settle();
    expect(bench.runs.map(({ dispatch }) => dispatch.function.name)).toEqual(["both"]);
    await bench.runs[0]?.answer(done());
    await bench.runs[1]?.answer(done());
    evaluated.length = 0;
    list(bench, partView, "far");
    await settle();
    expect(evaluated).toEqual(["both"]);
  });

  it("is judged when a stream that was listed and forgotten meanwhile is back", async () => {
    const { bench } = await evaluations(false);
    list(bench, partView, MANAGEMENT);
    await settle();
    await bench.runs[0]?.answer(done());
    bench.hub.forget(partView, { connection: MANAGEMENT });
    list(bench, partView, "far");
    await settle();
    expect(bench.runs).toHaveLength(1);
    list(bench, partView, MANAGEMENT);
    await settle();
    expect(bench.runs.map(({ dispatch }) => dispatch.function.name)).toEqual(["near", "both"]);
  });
});

function list(
  bench: ReturnType<typeof hubBench>,
  view: ResourceView<unknown>,
  connection: string,
  ...objects: KubeObject[]
): void {
  const scope: Scope = { connection };
  bench.hub.receive(view, scope, { type: "relist", reason: "start" });
  for (const object of objects) bench.hub.receive(view, scope, { type: "added", object });
  bench.hub.receive(view, scope, { type: "synced", resourceVersion: "200" });
}
