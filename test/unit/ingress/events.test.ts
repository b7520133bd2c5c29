import { CloudEvent, HTTP, type CloudEventV1 } from "cloudevents";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ingressBench, tokens, type IngressBench } from "#test/support/ingress-bench.ts";

let bench: IngressBench;
beforeEach(async () => {
  bench = await ingressBench();
});
afterEach(() => bench.stop());

const machineEvent: Partial<CloudEventV1<unknown>> = {
  id: "7/42",
  source: "/clusters/management/apis/cluster.x-k8s.io/v1beta2/machines",
  type: "dev.capfn.machine.changed",
  subject: "namespaces/demo/machines/wörker 1%".replace("wörker 1%", "worker-1"),
  time: "2026-11-21T10:00:00.000Z",
  data: { name: "worker-1" },
};

/** Sends what the CloudEvents SDK makes of an event. */
async function sendBy(mode: "binary" | "structured", event: Partial<CloudEventV1<unknown>>, token?: string) {
  const { headers, body } = HTTP[mode](new CloudEvent(event));
  const plain = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(value)]));
  return bench.send(plain, body ?? "", token);
}

function sendBatch(...events: unknown[]) {
  return bench.send({ "content-type": "application/cloudevents-batch+json" }, events);
}

const plainEvent = { specversion: "1.0", ...machineEvent };

describe("an event", () => {
  it.each(["binary", "structured"] as const)(
    "in %s mode, as the CloudEvents SDK writes it, becomes a hint and nothing more",
    async (mode) => {
      const answer = await sendBy(mode, machineEvent);
      expect(answer.statusCode).toBe(202);
      expect(answer.body).toBe("");
      expect(bench.hints).toMatchObject([
        {
          view: { type: { plural: "machines" } },
          ref: { connection: "management", namespace: "demo", name: "worker-1" },
          cause: {
            id: "7/42",
            type: "dev.capfn.machine.changed",
            source: "/clusters/management/apis/cluster.x-k8s.io/v1beta2/machines",
            time: "2026-11-21T10:00:00.000Z",
          },
        },
      ]);
      expect(bench.requests).toEqual([]);
    },
  );

  it("in batched mode is taken even if another of the batch is refused, and the answer says which", async () => {
    const bad = { ...plainEvent, type: "dev.capfn.machine.exploded" };
    const answer = await sendBatch(plainEvent, bad, { ...plainEvent, id: "" }, plainEvent);
    expect(answer.statusCode).toBe(400);
    const { problems } = answer.json<{ problems: string[] }>();
    expect(problems).toHaveLength(2);
    expect(problems[0]).toContain("[1].type: is not in the catalogue");
    expect(problems[1]).toContain("[2].id: ");
    expect(bench.hints).toHaveLength(2);
  });

  it("has percent-encoded attributes in headers, which are decoded", async () => {
    const headers = {
      "ce-specversion": "1.0",
      "ce-id": "%C3%A4%201",
      "ce-source": "/s",
      "ce-type": "dev.capfn.machine.changed",
      "ce-subject": "namespaces/demo/machines/a%2Eb",
    };
    expect((await bench.send(headers, "")).statusCode).toBe(202);
    expect(bench.hints[0]).toMatchObject({ ref: { name: "a.b" }, cause: { id: "ä 1" } });
    const answer = await bench.send({ ...headers, "ce-id": "%E4" }, "");
    expect(answer.statusCode).toBe(400);
    expect(answer.body).toContain("ce-id: is not percent-encoded UTF-8");
  });

  it("about an object on another API server names it by its source", async () => {
    const source =
      "/clusters/management/harvester/demo/identity/apis/loadbalancer.harvesterhci.io/v1beta1/ippools";
    await sendBatch({ ...plainEvent, source, subject: "ippools/pool", type: "dev.capfn.ippool.changed" });
    expect(bench.hints).toMatchObject([
      { ref: { connection: "harvester/demo/identity", namespace: undefined, name: "pool" } },
    ]);
  });

  it.each([
    [{ specversion: "0.3" }, "specversion: "],
    [{ type: "com.example.thing" }, "type: is not in the catalogue"],
    [{ type: "__proto__" }, "type: is not in the catalogue"],
    [{ subject: undefined }, "subject: write namespaces/"],
    [{ subject: "machines/worker-1" }, "subject: machines have a namespace"],
    [{ subject: "namespaces/demo/pods/x" }, "subject: names a kind that no function looks at"],
    [{ subject: "namespaces/demo/machines/a|b" }, "subject: holds what is no name"],
    [{ id: "a\u0000b" }, "id: holds control characters"],
    [{ id: "a".repeat(1025) }, "id: "],
    [{ time: "noon" }, "time: "],
    [{ data: "text" }, "data: "],
    [{ data: { name: 7 } }, "data.name: "],
    [{ data_base64: "AAAA" }, "data_base64: data must be JSON"],
    [{ type: "dev.capfn.alert.firing", data: { name: "x" } }, "data.fingerprint: "],
  ])("that does not fit is refused with the name of the attribute: %o", async (change, problem) => {
    const answer = await bench.send(
      { "content-type": "application/cloudevents+json; charset=utf-8" },
      { ...plainEvent, ...change },
    );
    expect(answer.statusCode).toBe(400);
    expect(answer.body).toContain(problem);
    expect(bench.hints).toEqual([]);
  });

  it("in no mode is 415", async () => {
    expect((await bench.send({ "content-type": "application/json" }, plainEvent)).statusCode).toBe(415);
    const headers = { "ce-specversion": "1.0", "ce-id": "1", "ce-source": "/", "ce-type": "t" };
    expect((await bench.send({ ...headers, "content-type": "text/xml" }, "<a/>")).statusCode).toBe(415);
  });

  it("of a type the sender may not send is 403, alone and in a batch", async () => {
    const cluster = { ...plainEvent, type: "dev.capfn.cluster.changed", subject: "namespaces/d/clusters/c" };
    expect((await sendBy("structured", cluster, tokens.knative)).statusCode).toBe(403);
    expect((await sendBy("structured", machineEvent, tokens.knative)).statusCode).toBe(202);
    expect(bench.hints).toHaveLength(1);
  });

  it("is 503 while another process leads", async () => {
    bench.state.leading = false;
    const answer = await sendBy("binary", machineEvent);
    expect(answer.statusCode).toBe(503);
    expect(answer.headers["retry-after"]).toBe("5");
  });
});

describe("an event of Knative's ApiServerSource", () => {
  const machine = {
    apiVersion: "cluster.x-k8s.io/v1beta2",
    kind: "Machine",
    metadata: { name: "worker-1", namespace: "demo", uid: "7" },
  };
  const knative = {
    ...plainEvent,
    source: "https://10.96.0.1:443",
    subject: "/apis/cluster.x-k8s.io/v1beta2/namespaces/demo/machines/worker-1",
  };

  it.each([
    ["add", "dev.capfn.machine.created"],
    ["update", "dev.capfn.machine.changed"],
    ["delete", "dev.capfn.machine.deleted"],
  ])("%s is a hint at its object, with the object or a reference to it as data", async (verb, type) => {
    const reference = { apiVersion: machine.apiVersion, kind: "Machine", ...machine.metadata };
    for (const [what, data] of Object.entries({ resource: machine, ref: reference })) {
      const event = { ...knative, type: `dev.knative.apiserver.${what}.${verb}`, data };
      expect((await sendBy("binary", event, tokens.knative)).statusCode).toBe(202);
    }
    expect(bench.hints).toHaveLength(2);
    for (const hint of bench.hints)
      expect(hint).toMatchObject({ ref: { namespace: "demo", name: "worker-1" }, cause: { type } });
  });

  it("of a kind or version nobody looks at is refused with the field", async () => {
    const send = (data: unknown) =>
      sendBatch({ ...knative, type: "dev.knative.apiserver.resource.update", data });
    expect((await send({ ...machine, kind: "Pod" })).body).toContain("data.kind: no function looks at");
    expect((await send({ kind: "Machine" })).body).toContain("data.apiVersion: ");
    expect((await send({ ...machine, metadata: undefined })).body).toContain("data.name: is missing");
    expect(bench.hints).toEqual([]);
  });
});

describe("the handshake of webhooks", () => {
  const ask = (headers: Record<string, string>) =>
    bench.server.inject({ method: "OPTIONS", url: "/events", headers });

  it("grants an origin of the configuration the rate it asks for, as far as it may have it", async () => {
    const granted = await ask({
      "webhook-request-origin": "broker.example.com",
      "webhook-request-rate": "120",
      "webhook-request-callback": "http://169.254.169.254/",
    });
    expect(granted.statusCode).toBe(200);
    expect(granted.headers).toMatchObject({
      "webhook-allowed-origin": "broker.example.com",
      "webhook-allowed-rate": "120",
      allow: "POST",
    });
    const most = await ask({ "webhook-request-origin": "broker.example.com", "webhook-request-rate": "1e9" });
    expect(most.headers["webhook-allowed-rate"]).toBe("60000");
  });

  it("grants nothing to others", async () => {
    for (const headers of [{ "webhook-request-origin": "evil.example.com" }, {}, { origin: "*" }]) {
      const refused = await ask(headers);
      expect(refused.statusCode).toBe(403);
      expect(Object.keys(refused.headers).filter((name) => name.startsWith("webhook"))).toEqual([]);
    }
  });
});
