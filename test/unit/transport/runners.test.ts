import { describe, expect, it } from "vitest";
import { projectionOf } from "#events/hub/projection.ts";
import { RunnerFault } from "#events/transport/runner.ts";
import { defineBatchFunction } from "#functions/contract/define.ts";
import type { Deps } from "#functions/contract/deps.ts";
import {
  appearance,
  done,
  failed,
  requeueAfter,
  waitFor,
  type Outcome,
} from "#functions/contract/outcome.ts";
import type { StepFunction } from "#functions/contract/function.ts";
import { isKubeError, KubeError } from "#platform/kube/errors.ts";
import { secrets } from "#platform/kube/resources.ts";
import { partView, widgetFunction, widgetRelations, widgetView } from "#test/support/hub-bench.ts";
import { dispatchOf, post, runners, served, stage } from "#test/unit/transport/runner-stage.ts";

const at = { namespace: "default", name: "one" };
const acting = (handle: (deps: Deps) => Promise<Outcome>) =>
  widgetFunction({ handle: (_event, deps) => handle(deps) });

/** All a step can say. */
const outcomes: Readonly<Record<string, Outcome>> = {
  done: done(),
  "done, with an event": done([
    {
      type: "dev.capfn.ippool.exhausted",
      data: { pool: "a" },
      target: { type: partView.type, ref: { connection: "management", ...at } },
    },
  ]),
  waitFor: waitFor([appearance(partView.type, { connection: "management", ...at })], {
    timeoutMs: 5,
    reason: "no part",
  }),
  requeueAfter: requeueAfter(1_000, "later"),
  failed: failed("Wrong", "spec.want: 1 is wrong"),
};

describe.each(Object.entries(runners))("a step that runs %s", (_name, runnerOf) => {
  const run = async (fn: StepFunction, on = stage(), options = {}) =>
    (await runnerOf(on, fn)).run(await dispatchOf(fn, options));

  it.each(Object.entries(outcomes))("says %s", async (_kind, outcome) => {
    const result = await run(acting(() => Promise.resolve(outcome)));
    expect(result).toMatchObject({ token: "1.1", outcomes: new Map([["uid-one", outcome]]), written: [] });
    expect("fault" in result).toBe(false);
  });

  it("sees its object, what it is related to, and why it runs", async () => {
    const seen: unknown[] = [];
    await run(widgetFunction({ handle: (event) => (seen.push(event), Promise.resolve(done())) }));
    expect(seen).toMatchObject([
      {
        object: { meta: { name: "one", uid: "uid-one", resourceVersion: "1" }, spec: { want: 1 } },
        related: { part: { spec: { size: 4 } } },
        cause: { type: "dev.capfn.object.changed" },
      },
    ]);
  });

  it("answers for each item of a batch, and leaves out what its handler leaves out", async () => {
    const fn = defineBatchFunction({
      name: "widget-batch",
      summary: "All at once",
      on: [],
      for: widgetView,
      related: widgetRelations,
      key: () => "all",
      needs: () => true,
      inputs: () => 0,
      condition: "Made",
      rbac: [],
      uses: [],
      handleBatch: ({ items }) =>
        Promise.resolve(new Map(items.slice(1).map(({ object }) => [object.meta.uid, done()]))),
    });
    const { outcomes: said } = await run(fn, stage(), { names: ["one", "two", "three"] });
    expect(said.size).toBe(2);
  });

  it("tells what it wrote, in the order it was written, and who answered", async () => {
    const result = await run(
      acting(async ({ management }) => {
        await management.mergePatch(widgetView.type, at, { status: { have: 1 } }, { subresource: "status" });
        await management.delete(widgetView.type, at, { uid: "uid-one" });
        return done();
      }),
    );
    expect(result.writes).toMatchObject([
      { verb: "patch", resource: "widgets/status", name: "one", connection: "management" },
      { verb: "delete", resource: "widgets", eventId: "uid-one/" },
    ]);
    expect(result.reached).toEqual(["management"]);
    const [own] = result.written;
    expect(own?.type).toEqual(widgetView.type);
    const { seen } = projectionOf(widgetView, "management", own?.object ?? expect.fail());
    expect(seen).toMatchObject({ meta: { uid: "uid-one" }, spec: { want: 1 }, status: { have: 1 } });
  });

  it("fails as the API server failed, with all that a decision rests on", async () => {
    const on = stage();
    const error = new KubeError({
      reason: "tooMany",
      message: "slow down",
      dependency: "management",
      status: 429,
      retryAfterMs: 2_000,
    });
    on.api.failOn({ verb: "get" }, error);
    const { fault, reached } = await run(
      acting(async ({ management }) => {
        await management.get(widgetView.type, at);
        return done();
      }),
      on,
    );
    expect(isKubeError(fault, "tooMany")).toBe(true);
    expect(fault).toMatchObject({ dependency: "management", status: 429, retryAfterMs: 2_000 });
    expect(reached).toEqual(["management"]);
  });

  it("says that a connection is missing as one that was never asked", async () => {
    const { fault } = await run(
      acting(async (deps) => {
        await deps.workload({ namespace: "a", name: "b" });
        return done();
      }),
    );
    expect(fault).toMatchObject({ reason: "unavailable", detail: "notSent", dependency: "workload/a/b" });
  });

  it("that throws is a fault with the error's name", async () => {
    const { fault, outcomes: said } = await run(acting(() => Promise.reject(new RangeError("x"))));
    expect(fault).toMatchObject({ name: "RangeError" });
    expect(fault).not.toBeInstanceOf(RunnerFault);
    expect(said.size).toBe(0);
  });

  it("writes nothing after its attempt was ended", async () => {
    const on = stage();
    const end = new AbortController();
    const fn = acting(async ({ management, signal }) => {
      end.abort(new Error("the lead is lost"));
      // Elsewhere the end is told by the connection that closes.
      if (!signal.aborted) await new Promise((resolve) => signal.addEventListener("abort", resolve));
      await management.mergePatch(widgetView.type, at, { status: { have: 1 } });
      return done();
    });
    const { fault } = await run(fn, on, { signal: end.signal });
    expect(fault).toEqual(new Error("the lead is lost"));
    expect(on.requests.filter(({ verb }) => verb === "mergePatch")).toEqual([]);
  });
});

it("what is written to a Secret, and text of servers and handlers, never comes back over HTTP", async () => {
  const on = stage();
  const fn = acting(async ({ management }) => {
    await management.create(secrets, {
      apiVersion: "v1",
      kind: "Secret",
      metadata: { name: "s", namespace: "default" },
      stringData: { token: "never in an answer" },
    });
    await management.mergePatch(widgetView.type, at, { spec: { password: "never in an answer" } });
    throw new Error("never in an answer");
  });
  const answer = await (await post(await served(on, [fn]), await dispatchOf(fn))).text();
  expect(JSON.parse(answer)).toMatchObject({
    written: [{ type: { plural: "widgets" } }],
    writes: [{ resource: "secrets" }, { resource: "widgets" }],
    fault: { kind: "error", name: "Error" },
  });
  expect(answer).not.toContain("never in an answer");
});
