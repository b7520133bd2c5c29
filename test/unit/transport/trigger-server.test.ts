import { CloudEvent, HTTP, type CloudEventV1 } from "cloudevents";
import { describe, expect, it, onTestFinished } from "vitest";
import { hubLeads } from "#events/sources/hub-leads.ts";
import { triggerServer, type TriggerServerOptions } from "#events/transport/trigger-server.ts";
import { done, failed, requeueAfter, waitFor, type Outcome } from "#functions/contract/outcome.ts";
import type { KubeClient } from "#platform/kube/client.ts";
import { KubeError } from "#platform/kube/errors.ts";
import { part, widget, widgetFunction } from "#test/support/hub-bench.ts";
import { stage } from "#test/unit/transport/runner-stage.ts";

/** A function that takes events, and a management API with the widget `one` and its part. */
async function taking(handle: () => Promise<Outcome>, more: Partial<TriggerServerOptions> = {}) {
  const on = stage();
  on.api.put(part({ name: "a", version: "9", size: 4 }));
  const seen: unknown[] = [];
  const fn = widgetFunction({ handle: (event) => (seen.push(event), handle()) });
  const server = triggerServer({
    functions: [fn],
    world: on.world,
    read: {
      management: on.api,
      look: () => Promise.reject(new Error("there is no other API server")),
    },
    hubLeads: () => Promise.resolve(false),
    verify: undefined,
    contain: (act) => act(),
    ran: () => undefined,
    failed: () => undefined,
    ...more,
  });
  onTestFinished(() => server.close());
  const url = await server.listen({ host: "127.0.0.1", port: 0 });
  const send = (headers: Record<string, string>, body: string, path = "/widget-make") =>
    fetch(`${url}${path}`, { method: "POST", headers, body });
  const sendEvent = (change: Partial<CloudEventV1<unknown>> = {}, path?: string) => {
    const { headers, body } = HTTP.binary(new CloudEvent({ ...plainEvent, ...change }));
    const text = Object.entries(headers).map(([name, value]) => [name, String(value)]);
    return send(
      Object.fromEntries(text) as Record<string, string>,
      typeof body === "string" ? body : "",
      path,
    );
  };
  return { ...on, seen, send, sendEvent };
}

const plainEvent = {
  id: "uid-one/1",
  source: "/clusters/x/apis/test.dev/v1/widgets",
  type: "dev.capfn.object.changed",
  subject: "namespaces/default/widgets/one",
  datacontenttype: "application/json",
  data: {},
};

describe("an event of a broker", () => {
  it("has the function read the object and what it is related to, and do one step", async () => {
    const { sendEvent, seen } = await taking(() => Promise.resolve(done()));
    const answer = await sendEvent({ data: { spec: { want: 77 } } });
    expect(answer.status).toBe(200);
    expect(seen).toMatchObject([
      {
        object: { meta: { uid: "uid-one" }, spec: { want: 1 } },
        related: { part: { spec: { size: 4 } } },
        cause: { id: "uid-one/1", type: "dev.capfn.object.changed" },
      },
    ]);
    const headers = Object.fromEntries(answer.headers);
    const reply = HTTP.toEvent({ headers, body: await answer.text() }) as CloudEventV1<unknown>;
    expect(reply).toMatchObject({
      id: "uid-one/1/widget-make",
      type: "dev.capfn.step.ended",
      source: "/functions/widget-make",
      subject: "namespaces/default/widgets/one",
      causationid: "uid-one/1",
      data: { kind: "Widget", name: "one", function: "widget-make", outcome: "done" },
    });
  });

  it.each([
    ["failed", failed("Wrong", "spec.want: 1 is wrong"), 200, null],
    ["requeueAfter", requeueAfter(90_500, "Later"), 503, "91"],
    ["a far requeueAfter", requeueAfter(9_000_000, "Later"), 503, "300"],
    ["waitFor", waitFor([], { timeoutMs: 600_000, reason: "NoPart" }), 503, "10"],
  ])(
    "is answered as brokers understand it when the step says %s",
    async (_what, outcome, status, retryAfter) => {
      const { sendEvent } = await taking(() => Promise.resolve(outcome));
      const answer = await sendEvent();
      expect(answer.status).toBe(status);
      expect(answer.headers.get("retry-after")).toBe(retryAfter);
      if (status === 200) expect(await answer.json()).toMatchObject({ outcome: "failed", reason: "Wrong" });
    },
  );

  it.each([
    [
      "an API server is busy",
      new KubeError({ reason: "tooMany", message: "x", dependency: "h", retryAfterMs: 7_000 }),
      "7",
    ],
    ["the step throws", new Error("a secret"), "5"],
  ])("comes again when %s, and the sender is not told why", async (_what, error, retryAfter) => {
    const faults: unknown[] = [];
    const { sendEvent } = await taking(() => Promise.reject(error), {
      failed: (_name, fault) => faults.push(fault),
    });
    const answer = await sendEvent();
    expect(answer.status).toBe(503);
    expect(answer.headers.get("retry-after")).toBe(retryAfter);
    expect(await answer.text()).not.toContain("secret");
    expect(faults).toEqual([error]);
  });

  it.each([
    ["there is no such object", { subject: "namespaces/default/widgets/none" }],
    ["it is an answer of ours", { type: "dev.capfn.step.ended" }],
  ])("comes to nothing when %s", async (_what, change) => {
    const { sendEvent, seen } = await taking(() => Promise.resolve(done()));
    expect((await sendEvent(change)).status).toBe(204);
    expect(seen).toEqual([]);
  });

  it("comes to nothing when the world is as it should be, or a hub leads", async () => {
    const well = await taking(() => Promise.resolve(done()));
    well.api.put(widget({ version: "2", have: 1 }));
    expect((await well.sendEvent()).status).toBe(204);
    const led = await taking(() => Promise.resolve(done()), { hubLeads: () => Promise.resolve(true) });
    expect((await led.sendEvent()).status).toBe(204);
    expect([well.seen, led.seen]).toEqual([[], []]);
  });

  it("waits for the step of an earlier one about the same object, and then looks anew", async () => {
    const gate = Promise.withResolvers<void>();
    const { sendEvent, seen, api } = await taking(async () => {
      await gate.promise;
      return done();
    });
    const first = sendEvent();
    await expect.poll(() => seen.length).toBe(1);
    const second = sendEvent({ id: "again" });
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(seen).toHaveLength(1);
    api.put(widget({ version: "2", have: 1 }));
    gate.resolve();
    expect((await first).status).toBe(200);
    expect((await second).status).toBe(204);
  });

  it("is understood as ApiServerSource sends it, with what a broker adds", async () => {
    const { sendEvent, seen } = await taking(() => Promise.resolve(done()));
    const object = { apiVersion: "test.dev/v1", kind: "Widget" };
    const knative = { knativearrivaltime: "2026-11-21T12:00:00Z", subject: "/apis/test.dev/v1/x" };
    const whole = { ...object, metadata: { namespace: "default", name: "one" } };
    const reference = { ...object, namespace: "default", name: "one" };
    for (const [type, data] of [
      ["dev.knative.apiserver.resource.update", whole],
      ["dev.knative.apiserver.ref.add", reference],
    ] as const)
      expect((await sendEvent({ ...knative, type, data }, "/")).status).toBe(200);
    expect(seen).toHaveLength(2);
  });
});

const binary = {
  "ce-specversion": "1.0",
  "ce-id": "1",
  "ce-source": "/x",
  "ce-type": "dev.capfn.object.changed",
  "ce-subject": "namespaces/default/widgets/one",
};
const structured = {
  specversion: "1.0",
  id: "1",
  source: "/x",
  type: "dev.capfn.object.changed",
  subject: "namespaces/default/widgets/one",
};
const json = { "content-type": "application/json" };
const one = { "content-type": "application/cloudevents+json" };
const without = (name: keyof typeof binary) =>
  Object.fromEntries(Object.entries(binary).filter(([each]) => each !== name));

/** The HTTP protocol binding of CloudEvents 1.0.2 and its JSON format, through the server itself. */
describe("CloudEvents over HTTP", () => {
  it.each<[string, Record<string, string>, string, number]>([
    ["binary", { ...binary, ...json }, "{}", 200],
    ["binary without data", binary, "", 200],
    [
      "binary with a character set",
      { ...binary, "content-type": "application/json; charset=utf-8" },
      "{}",
      200,
    ],
    ["structured", one, JSON.stringify(structured), 200],
    [
      "structured with a character set",
      { "content-type": "application/cloudevents+json; charset=UTF-8" },
      JSON.stringify(structured),
      200,
    ],
    [
      "a batch",
      { "content-type": "application/cloudevents-batch+json" },
      JSON.stringify([structured, structured]),
      415,
    ],
    ["another format of events", { "content-type": "application/cloudevents+avro" }, "x", 415],
    ["no event at all", json, "{}", 415],
    ["data that is not JSON", { ...binary, "content-type": "text/plain" }, "x", 415],
    ["broken JSON", { ...binary, ...json }, "{", 400],
    ["broken structured JSON", one, "{", 400],
    ["binary data in a structured event", one, JSON.stringify({ ...structured, data_base64: "e30=" }), 400],
    ["without id", { ...without("ce-id"), ...json }, "{}", 400],
    ["without source", { ...without("ce-source"), ...json }, "{}", 400],
    ["without type", { ...without("ce-type"), ...json }, "{}", 400],
    ["without specversion", { ...without("ce-specversion"), ...json }, "{}", 400],
    ["without subject", { ...without("ce-subject"), ...json }, "{}", 400],
    ["of version 0.3", { ...binary, ...json, "ce-specversion": "0.3" }, "{}", 400],
    ["with an empty id", one, JSON.stringify({ ...structured, id: "" }), 400],
    ["with extensions", { ...binary, ...json, "ce-traceparent": "00-a", "ce-comexample1": "x" }, "{}", 200],
    [
      "with an extension that is a number",
      one,
      JSON.stringify({ ...structured, myint: 7, mybool: true }),
      200,
    ],
    [
      "with a percent-encoded attribute",
      { ...binary, ...json, "ce-id": "M%C3%BCller%20%E2%82%AC%25" },
      "{}",
      200,
    ],
    [
      "with a quoted attribute",
      { ...binary, ...json, "ce-subject": '"namespaces/default/widgets/one"' },
      "{}",
      200,
    ],
    ["with broken percent-encoding", { ...binary, ...json, "ce-id": "100%" }, "{}", 400],
    ["with a control character", one, JSON.stringify({ ...structured, id: "a\u0001" }), 400],
    ["with a time in UTC", { ...binary, ...json, "ce-time": "2026-11-21T12:00:00Z" }, "{}", 200],
    [
      "with a time with fractions and an offset",
      { ...binary, ...json, "ce-time": "2026-11-21T12:00:00.123456+01:00" },
      "{}",
      200,
    ],
    ["with a time without zone", { ...binary, ...json, "ce-time": "2026-11-21T12:00:00" }, "{}", 400],
    ["with a time that is none", { ...binary, ...json, "ce-time": "yesterday" }, "{}", 400],
    ["of a type of no catalogue", { ...binary, ...json, "ce-type": "com.example" }, "{}", 400],
    ["about another kind", { ...binary, ...json, "ce-subject": "namespaces/default/parts/a" }, "{}", 400],
  ])("%s", async (_what, headers, body, status) => {
    const { send, seen } = await taking(() => Promise.resolve(done()));
    const answer = await send(headers, body);
    expect({ status: answer.status, ran: seen.length }).toEqual({ status, ran: status === 200 ? 1 : 0 });
    if (status !== 200) expect(await answer.json()).toHaveProperty("error");
  });

  it("keeps what an attribute says through its encoding", async () => {
    const { send, seen } = await taking(() => Promise.resolve(done()));
    await send({ ...binary, ...json, "ce-id": "M%C3%BCller%20%E2%82%AC%25" }, "{}");
    expect(seen).toMatchObject([{ cause: { id: "Müller €%" } }]);
  });
});

describe("a hub that leads", () => {
  const lease = (name: string, spec: object) => ({
    apiVersion: "coordination.k8s.io/v1",
    kind: "Lease",
    metadata: { name, namespace: "capfn-system", uid: name, resourceVersion: "1" },
    spec: { leaseDurationSeconds: 15, ...spec },
  });
  it.each([
    [
      "holds a fresh Lease",
      lease("capfn-hub", { holderIdentity: "a", renewTime: "2026-11-21T11:59:50Z" }),
      true,
    ],
    ["leads a part", lease("capfn-hub-2", { holderIdentity: "a", renewTime: "2026-11-21T11:59:50Z" }), true],
    ["has died", lease("capfn-hub", { holderIdentity: "a", renewTime: "2026-11-21T11:00:00Z" }), false],
    [
      "has given it back",
      lease("capfn-hub", { holderIdentity: "", renewTime: "2026-11-21T11:59:50Z" }),
      false,
    ],
    ["is somebody else", lease("other", { holderIdentity: "a", renewTime: "2026-11-21T11:59:50Z" }), false],
  ])("%s", async (_what, object, leads) => {
    const { api, world } = stage();
    api.put(object);
    expect(await hubLeads(api as unknown as KubeClient, "capfn-system", world.clock)).toBe(leads);
  });
});
