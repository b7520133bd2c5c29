import { HTTP, type CloudEventV1 } from "cloudevents";
import { describe, expect, it } from "vitest";
import { allFunctions } from "#cli/functions.ts";
import { dispatchEvent } from "#events/transport/cloud-event.ts";
import { causeOf } from "#events/transport/received-dispatch.ts";
import { inProcessRunner } from "#events/transport/in-process.ts";
import type { Dispatch } from "#events/transport/runner.ts";
import type { StepFunction } from "#functions/contract/function.ts";
import { done } from "#functions/contract/outcome.ts";
import { UnfitData } from "#functions/contract/step-data.ts";
import { vmCreate } from "#functions/harvester/vm-create/function.ts";
import { createVm } from "#functions/harvester/vm-create/handler.ts";
import type { KubeClient } from "#platform/kube/client.ts";
import { FakeClock } from "#test/support/fake-clock.ts";
import { hubBench, part, widget, widgetFunction, widgetView } from "#test/support/hub-bench.ts";
import { bootstrapSecret, createView, machineObject } from "#test/unit/functions/vm-create/create-view.ts";
import { cause, dispatchOf, moments, SECRET, worldAt } from "#test/support/function-moments.ts";
import { fakeDeps } from "#test/support/step-deps.ts";

function overTheWire(
  dispatch: Dispatch,
  mode: "structured" | "binary",
): { event: CloudEventV1<unknown>; body: string } {
  const event = dispatchEvent(dispatch) ?? expect.fail();
  const { headers, body } = HTTP[mode](event);
  return {
    event: HTTP.toEvent({ headers, body: String(body) }) as CloudEventV1<unknown>,
    body: `${JSON.stringify(headers)} ${String(body)}`,
  };
}

describe("the event of a dispatch", () => {
  for (const fn of allFunctions) {
    for (const [moment, state] of Object.entries(moments)) {
      for (const mode of ["structured", "binary"] as const) {
        it(`of ${fn.name} ${moment} does the same after HTTP (${mode}) as in process`, async () => {
          const here = worldAt(state);
          const there = worldAt(state);
          const dispatch = await dispatchOf(fn, worldAt(state));
          const run = async (act: () => Promise<ReadonlyMap<string, unknown>>) => {
            try {
              return [...(await act())];
            } catch (error) {
              return String(error);
            }
          };
          const inProcess = await run(() => fn.run(dispatch.items, dispatch.lookup, here));
          const { event, body } = overTheWire(dispatch, mode);
          const remote = await run(() => fn.runFromData(event.data, causeOf(event), there));
          expect(remote).toEqual(inProcess);
          expect(there.requests).toEqual(here.requests);
          expect(there.announced).toEqual(here.announced);
          expect(body).not.toContain(SECRET);
          expect(body).not.toContain("never in an event");
        });
      }
    }
  }

  it("is of every function that does something in one of these moments, but of vm-create, which has a test of its own", async () => {
    const idle = [];
    for (const fn of allFunctions) {
      const requests = [];
      for (const state of Object.values(moments)) {
        const deps = worldAt(state);
        const { items, lookup } = await dispatchOf(fn, worldAt(state));
        await fn.run(items, lookup, deps).catch(() => undefined);
        requests.push(...deps.requests);
      }
      if (requests.length === 0) idle.push(fn.name);
    }
    expect(idle).toEqual(["vm-create"]);
  });

  it("of vm-create makes the same VM and the same Secret after HTTP as in process", async () => {
    for (const mode of ["structured", "binary"] as const) {
      const world = () => fakeDeps({ management: [machineObject, bootstrapSecret("#cloud-config\n{}")] });
      const [here, there] = [world(), world()];
      const dispatch = await dispatchOf(vmCreate, worldAt({}));
      const view = { ...createView(), unknown: [] };
      const handedOut: StepFunction = {
        ...vmCreate,
        evaluate: () => ({ need: true, key: "k", inputs: {}, edges: [], blockedOn: [], view }),
      };
      const { event } = overTheWire({ ...dispatch, function: handedOut }, mode);
      const remote = await vmCreate.runFromData(event.data, causeOf(event), there);
      expect([...remote.values()]).toEqual([await createVm(view, here)]);
      expect(there.requests).toEqual(here.requests);
      expect(there.requests).toHaveLength(4);
    }
  });

  it("carries the attributes by which it is ordered, deduplicated and traced, in both modes", async () => {
    const bench = hubBench();
    await bench.list(widget({ version: "17", part: "a" }), part({ name: "a", version: "2", size: 1 }));
    const { dispatch } = bench.runs[0] ?? expect.fail();
    for (const mode of ["structured", "binary"] as const) {
      const { event } = overTheWire(dispatch, mode);
      expect(event).toMatchObject({
        specversion: "1.0",
        id: `widget-make/${dispatch.attempt.token}`,
        type: "dev.capfn.object.changed",
        source: "/clusters/test/apis/test.dev/v1/widgets",
        subject: "namespaces/default/widgets/one",
        time: "2026-11-21T12:00:00.000Z",
        datacontenttype: "application/json",
        partitionkey: "widgets/uid-one",
        sequence: "00000000000000000017",
        causationid: "uid-one/17",
        function: "widget-make",
        attempt: dispatch.attempt.token,
        data: {
          object: { spec: { want: 1, part: "a" } },
          related: { part: { spec: { size: 1 } } },
          unknown: [],
        },
      });
      expect(causeOf(event)).toEqual(dispatch.items[0]?.cause);
    }
  });

  it("is the same event however often it is made", async () => {
    const bench = hubBench();
    await bench.list(widget({ version: "1" }));
    const { dispatch } = bench.runs[0] ?? expect.fail();
    expect(dispatchEvent(dispatch)).toEqual(dispatchEvent(dispatch));
  });

  it("orders as text as the versions order as numbers", async () => {
    const sequences = [];
    for (const version of ["9", "10", "9007199254740993", "18446744073709551615"]) {
      const bench = hubBench();
      await bench.list(widget({ version }));
      sequences.push(String(dispatchEvent(bench.runs[0]?.dispatch ?? expect.fail())?.["sequence"]));
    }
    expect(sequences).toEqual(sequences.toSorted());
    expect(new Set(sequences.map((sequence) => sequence.length))).toEqual(new Set([20]));
  });

  it("that does not fit what the function looks at is not tried", async () => {
    const fn = widgetFunction();
    const deps = fakeDeps();
    const meta = { connection: "management", name: "one", uid: "u", resourceVersion: "1" };
    const bad = [
      undefined,
      {},
      { object: {}, related: {}, unknown: [] },
      { object: { meta, spec: { want: "secret value" } }, related: {}, unknown: [] },
      { object: { meta, spec: { want: 1 } }, related: { part: { meta } }, unknown: [] },
    ];
    for (const data of bad) {
      const refused = fn.runFromData(data, cause, deps);
      await expect(refused).rejects.toThrow(UnfitData);
      await expect(refused).rejects.not.toThrow("secret value");
    }
    expect(() =>
      causeOf({
        id: "1",
        specversion: "1.0",
        type: "com.example",
        source: "/x",
        causationid: "1",
        time: "now",
      }),
    ).toThrow(UnfitData);
  });
});

describe("the in-process runner", () => {
  const world = (client: Partial<KubeClient>) => ({
    clock: new FakeClock(),
    management: () => client as KubeClient,
    client: () => client as KubeClient,
    announce: () => undefined,
    count: () => undefined,
    measureCreation: () => undefined,
  });
  const dispatch = async (fn: StepFunction, signal = new AbortController().signal): Promise<Dispatch> => {
    const bench = hubBench({ functions: [fn] });
    await bench.list(widget({ version: "1", part: "a" }), part({ name: "a", version: "2", size: 4 }));
    const run = bench.runs[0]?.dispatch ?? expect.fail();
    return { ...run, attempt: { token: "1.1", signal } };
  };

  it("can send every dispatch over the wire, which no handler notices", async () => {
    const seen: unknown[] = [];
    const fn = widgetFunction({ handle: (event) => (seen.push(event), Promise.resolve(done())) });
    for (const options of [{}, { roundTrip: "structured" }, { roundTrip: "binary" }] as const) {
      const { outcomes, fault } = await inProcessRunner(world({}), options).run(await dispatch(fn));
      expect([fault, [...outcomes]]).toEqual([undefined, [["uid-one", done()]]]);
    }
    expect(JSON.parse(JSON.stringify(seen[1]))).toEqual(JSON.parse(JSON.stringify(seen[0])));
    expect(seen[2]).toEqual(seen[1]);
    expect(seen).toMatchObject(
      Array.from({ length: 3 }, () => ({ related: { part: { spec: { size: 4 } } } })),
    );
  });

  it("keeps a handler from writing after its deadline, also with a signal of its own", async () => {
    const sent: string[] = [];
    const client: Partial<KubeClient> = {
      connection: "management",
      create: (_type, object) => (
        sent.push(object.metadata.name),
        Promise.resolve({ ...object, metadata: { ...object.metadata, uid: "u", resourceVersion: "5" } })
      ),
      get: (_type, _name, options) =>
        Promise.resolve(options?.signal?.aborted === true ? undefined : expect.fail()),
    };
    const deadline = new AbortController();
    const fn = widgetFunction({
      handle: async (_event, deps) => {
        const object = (name: string) => ({
          apiVersion: "v1",
          kind: "Widget",
          metadata: { name, namespace: "default" },
        });
        await deps.management.create(widgetView.type, object("before"));
        deadline.abort(new Error("over"));
        await deps.management.get(widgetView.type, { name: "x" }, { signal: new AbortController().signal });
        await deps.management.create(widgetView.type, object("after"), {
          signal: new AbortController().signal,
        });
        return done();
      },
    });
    const result = await inProcessRunner(world(client)).run(await dispatch(fn, deadline.signal));
    expect(sent).toEqual(["before"]);
    expect(result).toMatchObject({
      fault: new Error("over"),
      written: [{ connection: "management" }],
      reached: ["management"],
    });
  });

  it("tells which API servers answered, and takes what a handler throws at once for a fault like any other", async () => {
    const fn = widgetFunction({
      handle: () => {
        throw new TypeError("at once");
      },
    });
    const result = await inProcessRunner(world({ connection: "management" })).run(await dispatch(fn));
    expect(result).toMatchObject({ fault: new TypeError("at once"), reached: [], written: [] });
  });
});
