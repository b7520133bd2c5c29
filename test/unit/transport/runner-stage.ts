import { HTTP } from "cloudevents";
import { onTestFinished } from "vitest";
import { dispatchEvent } from "#events/transport/cloud-event.ts";
import type { Verify } from "#events/transport/callers.ts";
import { functionServer } from "#events/transport/function-server.ts";
import { httpRunner } from "#events/transport/http-runner.ts";
import { inProcessRunner } from "#events/transport/in-process.ts";
import type { Dispatch, Runner } from "#events/transport/runner.ts";
import type { StepFunction } from "#functions/contract/function.ts";
import type { KubeClient } from "#platform/kube/client.ts";
import { FakeApi, type RecordedRequest } from "#test/support/fake-api.ts";
import { FakeClock } from "#test/support/fake-clock.ts";
import { pod, pullHub } from "#test/unit/transport/pull-stage.ts";
import { hubBench, part, partView, widget, widgetView } from "#test/support/hub-bench.ts";

/** Version of every hub and function here. */
const VERSION = "1.2.3";

/** A management API with one widget in it, as every runner here sees it. */
export function stage() {
  const requests: RecordedRequest[] = [];
  const api = new FakeApi("management", { requests, faultAt: () => undefined });
  api.put(widget({ version: "1", part: "a" }));
  const world = {
    clock: new FakeClock(),
    management: () => api as unknown as KubeClient,
    client: () => undefined,
    announce: () => undefined,
    count: () => undefined,
    measureCreation: () => undefined,
  };
  return { api, requests, world };
}

type Stage = ReturnType<typeof stage>;

/** Serves functions on loopback until the test ends; the answer is where. */
export async function served(
  { world }: Pick<Stage, "world">,
  functions: readonly StepFunction[],
  { verify, version = VERSION }: { verify?: Verify; version?: string } = {},
): Promise<string> {
  const server = functionServer({
    functions,
    views: [widgetView, partView],
    world,
    verify,
    version,
    contain: (act) => act(),
    ran: () => undefined,
  });
  onTestFinished(() => server.close());
  return server.listen({ host: "127.0.0.1", port: 0 });
}

export function over(url: string, token?: string | (() => Promise<string>)): Runner {
  return httpRunner({
    urlOf: (name) => `${url}/${name}`,
    tokenOf: async () => (typeof token === "function" ? token() : token),
    version: VERSION,
    clock: new FakeClock(),
  });
}

/** Sends a dispatch as it is, or with headers or a body of the test's. */
export function post(
  url: string,
  dispatch: Dispatch,
  { headers = {}, body }: { headers?: Record<string, string>; body?: string } = {},
): Promise<Response> {
  const event = dispatchEvent(dispatch);
  if (event === undefined) throw new Error("its objects are gone");
  const binary = HTTP.binary(event);
  const own = Object.entries(binary.headers).map(([name, value]) => [name, String(value)]);
  return fetch(`${url}/${dispatch.function.name}`, {
    method: "POST",
    headers: {
      ...Object.fromEntries(own),
      "capfn-deadline-ms": "30000",
      "capfn-version": VERSION,
      ...headers,
    },
    body: body ?? String(binary.body),
  });
}

/** Every way there is to run a step; each must come to the same. */
export const runners: Readonly<Record<string, (stage: Stage, fn: StepFunction) => Promise<Runner>>> = {
  "in process": async ({ world }) => inProcessRunner(world),
  "in process, through a structured event": async ({ world }) =>
    inProcessRunner(world, { roundTrip: "structured" }),
  "in process, through a binary event": async ({ world }) => inProcessRunner(world, { roundTrip: "binary" }),
  "over HTTP": async (on, fn) => over(await served(on, [fn])),
  "in a pod that comes for it": async ({ world }, fn) => {
    const { runner, url } = await pullHub();
    pod(url, { world, functions: [fn] });
    return runner;
  },
};

/** What the hub dispatches for these widgets, under a token and a signal of the test's. */
export async function dispatchOf(
  fn: StepFunction,
  { token = "1.1", signal = new AbortController().signal, names = ["one"] } = {},
): Promise<Dispatch> {
  const bench = hubBench({ functions: [fn] });
  const widgets = names.map((name, index) => widget({ name, version: String(index + 1), part: "a" }));
  await bench.list(...widgets, part({ name: "a", version: "9", size: 4 }));
  const run = bench.runs[0]?.dispatch;
  if (run === undefined) throw new Error("the hub has dispatched nothing");
  return { ...run, attempt: { token, signal } };
}
