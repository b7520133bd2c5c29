import { describe, expect, it } from "vitest";
import { defaultBackoff } from "#events/hub/backoff.ts";
import { writeNote, type FunctionNote } from "#events/hub/note.ts";
import { SKIP_ANNOTATION, writeSkips, type Skip } from "#events/hub/persons-word.ts";
import { NOTE_ANNOTATION } from "#events/hub/projection.ts";
import { silentReporter, type Reporter } from "#events/hub/reporter.ts";
import { memoryLedger } from "#events/sources/memory-ledger.ts";
import { done, failed, requeueAfter } from "#functions/contract/outcome.ts";
import type { KubeObject } from "#platform/kube/resource.ts";
import { hubBench, widget, widgetFunction, widgetView } from "#test/support/hub-bench.ts";

type Fields = Parameters<typeof widget>[0] & { generation?: number };

/** An object with annotations, as the API server keeps it, and what the hub writes into its note. */
function annotated() {
  const annotations: Record<string, string | undefined> = {};
  const set = (name: string, text: string | null) => (annotations[name] = text ?? undefined);
  const reporter: Reporter = {
    ...silentReporter,
    note: (fn, _object, _uid, note) =>
      set(NOTE_ANNOTATION, writeNote(annotations[NOTE_ANNOTATION], fn.name, note)),
  };
  return {
    reporter,
    note: () => annotations[NOTE_ANNOTATION],
    set,
    replay: (at: string, fn = "widget-make") => {
      const note: FunctionNote = { faults: 0, since: 1, replayed: { at, by: "jane" } };
      set(NOTE_ANNOTATION, writeNote(annotations[NOTE_ANNOTATION], fn, note));
    },
    skip: (generation: number, fn = "widget-make") => {
      const skip: Skip = { by: "jane", reason: "no room", at: "2026-11-21T12:00:00Z", generation };
      set(SKIP_ANNOTATION, writeSkips({ [fn]: skip }));
    },
    object: ({ generation = 1, ...fields }: Fields): KubeObject => {
      const made = widget(fields);
      const present = Object.entries(annotations).flatMap(([name, text]) =>
        text === undefined ? [] : [[name, text]],
      );
      return {
        ...made,
        metadata: { ...made.metadata, generation, annotations: Object.fromEntries(present) },
      };
    },
  };
}

const ref = { connection: "management", namespace: "default", name: "one" };

describe("a replay", () => {
  it("has a parked item tried again, with a fresh budget", async () => {
    const { reporter, object, replay, note } = annotated();
    const bench = hubBench({ reporter, policy: { backoff: { ...defaultBackoff, budget: 2 } } });
    await bench.list(object({ version: "1" }));
    await bench.runs[0]?.answer({ fault: new TypeError("no") });
    await bench.clock.advance(1_000);
    await bench.runs[1]?.answer({ fault: new TypeError("no") });
    await bench.see(object({ version: "101" }));
    expect([bench.runs.length, bench.hub.figures().parked]).toEqual([2, 1]);
    replay("first");
    await bench.see(object({ version: "102" }));
    expect(bench.runs).toHaveLength(3);
    expect(bench.events.filter(({ kind }) => kind === "unparked")).toHaveLength(1);
    await bench.runs[2]?.answer({ fault: new TypeError("no") });
    expect(bench.hub.figures().parked).toBe(0);
    expect(JSON.parse(note() ?? "")).toMatchObject({ "widget-make": { faults: 1 } });
    expect(note()).not.toContain("replayed");
  });

  it("is heeded once: what fails again rests, although the request still stands on the object", async () => {
    const { reporter: _written, object, replay } = annotated();
    const bench = hubBench();
    await bench.list(object({ version: "1" }));
    await bench.runs[0]?.answer(failed("Broken", "it is broken"));
    replay("first");
    await bench.see(object({ version: "101" }));
    await bench.runs[1]?.answer(failed("Broken", "it is broken"));
    await bench.see(object({ version: "102" }));
    expect(bench.runs).toHaveLength(2);
    replay("second");
    await bench.see(object({ version: "103" }));
    expect(bench.runs).toHaveLength(3);
  });

  it("asked for while no hub ran is heeded by the next one, whatever its ledger says", async () => {
    const { reporter, object, replay } = annotated();
    const ledger = memoryLedger();
    const before = hubBench({ reporter, ledger });
    await before.list(object({ version: "1" }));
    await before.runs[0]?.answer(failed("Broken", "it is broken"));
    await before.hub.stop(0);
    replay("meanwhile");
    const after = hubBench({ reporter, ledger });
    await after.list(object({ version: "50" }));
    expect(after.runs).toHaveLength(1);
  });

  it("is not read into a note the hub wrote before it parked, which the watch shows late", async () => {
    const { object, set } = annotated();
    const bench = hubBench();
    await bench.list(object({ version: "1" }));
    await bench.runs[0]?.answer(failed("Broken", "it is broken"));
    set(NOTE_ANNOTATION, writeNote(undefined, "widget-make", { faults: 9, since: 5 }));
    await bench.see(object({ version: "101" }));
    set(NOTE_ANNOTATION, null);
    await bench.see(object({ version: "102" }));
    expect(bench.runs).toHaveLength(1);
  });

  it("leaves other functions of the object parked", async () => {
    const { reporter, object, replay } = annotated();
    const functions = [widgetFunction({ name: "first" }), widgetFunction({ name: "second" })];
    const bench = hubBench({ reporter, functions });
    await bench.list(object({ version: "1" }));
    for (let n = 0; n < 2; n += 1) await bench.runs[n]?.answer(failed("Broken", "it is broken"));
    replay("now", "second");
    await bench.see(object({ version: "101" }));
    expect(bench.runs.slice(2).map(({ dispatch }) => dispatch.function.name)).toEqual(["second"]);
  });

  it("of what has no work any more runs nothing and is taken off the object", async () => {
    const { reporter, object, replay, note } = annotated();
    const bench = hubBench({ reporter });
    await bench.list(object({ version: "1" }));
    await bench.runs[0]?.answer(failed("Broken", "it is broken"));
    replay("now");
    await bench.see(object({ version: "101", have: 1 }));
    expect([bench.runs.length, note()]).toEqual([1, undefined]);
  });
});

describe("a skip", () => {
  it("keeps the function from the object until the spec changes, and says who wants it and why", async () => {
    const { object, skip } = annotated();
    const bench = hubBench();
    skip(1);
    await bench.list(object({ version: "1" }));
    await bench.see(object({ version: "101" }));
    expect(bench.runs).toHaveLength(0);
    expect(bench.hub.explain(ref, widgetView)).toMatchObject([
      { need: true, skipped: { by: "jane", reason: "no room" } },
    ]);
    await bench.see(object({ version: "102", generation: 2 }));
    expect(bench.runs).toHaveLength(1);
  });

  it("ends what the hub meant to do later", async () => {
    const { object, skip } = annotated();
    const bench = hubBench();
    await bench.list(object({ version: "1" }));
    await bench.runs[0]?.answer(requeueAfter(60_000, "Later"));
    skip(1);
    await bench.see(object({ version: "101" }));
    await bench.clock.advance(7_200_000);
    expect(bench.runs).toHaveLength(1);
  });

  it("ends when it is taken back", async () => {
    const { object, skip, set } = annotated();
    const bench = hubBench();
    skip(1);
    await bench.list(object({ version: "1" }));
    set(SKIP_ANNOTATION, null);
    await bench.see(object({ version: "101" }));
    expect(bench.runs).toHaveLength(1);
  });

  it("never holds up a deletion, whatever the annotation says", async () => {
    const { object, skip } = annotated();
    const bench = hubBench();
    skip(1);
    await bench.list(object({ version: "1" }));
    expect(bench.runs).toHaveLength(0);
    await bench.see(object({ version: "101", deleting: true }));
    expect(bench.runs).toHaveLength(1);
  });

  it("concerns the one function only", async () => {
    const { object, skip } = annotated();
    const functions = [widgetFunction({ name: "first" }), widgetFunction({ name: "second" })];
    const bench = hubBench({ functions });
    skip(1, "first");
    await bench.list(object({ version: "1" }));
    expect(bench.runs.map(({ dispatch }) => dispatch.function.name)).toEqual(["second"]);
  });

  it("of a park takes it out of the count of what waits for a person", async () => {
    const { object, skip } = annotated();
    const bench = hubBench();
    await bench.list(object({ version: "1" }));
    await bench.runs[0]?.answer(failed("Broken", "it is broken"));
    expect(bench.hub.figures().parked).toBe(1);
    skip(1);
    await bench.see(object({ version: "101" }));
    expect(bench.hub.figures().parked).toBe(0);
  });

  it("that cannot be read counts as none", async () => {
    const { object, set } = annotated();
    const bench = hubBench();
    set(SKIP_ANNOTATION, '{"widget-make": true}');
    await bench.list(object({ version: "1" }));
    expect(bench.runs).toHaveLength(1);
    await bench.runs[0]?.answer(done());
  });
});
