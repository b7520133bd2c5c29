import { describe, expect, it } from "vitest";

import type { Interceptor } from "#platform/kube/api-request.ts";
import { configMaps } from "#platform/kube/resources.ts";
import { configMap, sendJson, sendStatus } from "#test/support/fault-server.ts";
import type { Script } from "#test/support/fault-server.ts";
import { failure, name, reset, start } from "./client-harness.ts";

describe("repetition", () => {
  const busyOnce =
    (status: number, headers: Record<string, string>): Script =>
    (_request, answer, n) =>
      n === 1 ? sendStatus(answer, status, {}, headers) : sendJson(answer, 200, configMap("a", "7"));

  it.each([429, 503])("repeats after %i with Retry-After in seconds, also a write", async (status) => {
    const { client, server, clock } = await start(busyOnce(status, { "retry-after": "2" }));
    await client.create(configMaps, configMap("a", "") as never);
    expect(server.requests).toHaveLength(2);
    expect(clock.delays).toContain(2000);
  });

  it("understands Retry-After as a date", async () => {
    // Told at the moment of the answer: the test's clock runs fast, and a slow handshake would make it past.
    let date = (): string => "";
    const { client, server, clock } = await start((request, answer, n) =>
      busyOnce(429, { "retry-after": date() })(request, answer, n),
    );
    date = () => new Date(clock.now() + 4_900).toUTCString();
    await client.get(configMaps, name);
    expect(server.requests).toHaveLength(2);
  });

  it.each([
    ["missing", {}],
    ["past", { "retry-after": "Wed, 21 Oct 2015 07:28:00 GMT" }],
    ["zero", { "retry-after": "0" }],
    ["garbage", { "retry-after": "soon" }],
  ])("leaves a 429 with a %s Retry-After to the caller's backoff", async (_kind, headers) => {
    const { client, server } = await start(busyOnce(429, headers));
    expect(await failure(client.get(configMaps, name))).toMatchObject({
      reason: "tooMany",
      retryAfterMs: undefined,
    });
    expect(server.requests).toHaveLength(1);
  });

  it("hands a long Retry-After on instead of waiting", async () => {
    const { client, server } = await start(busyOnce(503, { "retry-after": "120" }));
    expect(await failure(client.get(configMaps, name))).toMatchObject({
      reason: "unavailable",
      retryAfterMs: 120_000,
    });
    expect(server.requests).toHaveLength(1);
  });

  it("repeats at most twice", async () => {
    const { client, server, infos } = await start((_request, answer) =>
      sendStatus(answer, 429, {}, { "retry-after": "1" }),
    );
    expect(await failure(client.get(configMaps, name))).toMatchObject({
      reason: "tooMany",
      retryAfterMs: 1000,
    });
    expect(server.requests).toHaveLength(3);
    expect(infos.map((info) => info.attempt)).toEqual([1, 2, 3]);
  });

  it("does not repeat other 5xx", async () => {
    const { client, server } = await start((_request, answer) =>
      sendStatus(answer, 500, {}, { "retry-after": "1" }),
    );
    expect(await failure(client.get(configMaps, name))).toMatchObject({ reason: "unavailable", status: 500 });
    expect(server.requests).toHaveLength(1);
  });

  it("repeats a read after a reset connection, but never a create, a delete or an untested JSON patch", async () => {
    const { client, server } = await start((request, answer, n) =>
      n === 1 ? reset(request, answer, n) : sendJson(answer, 200, configMap("a", "7")),
    );
    expect((await client.get(configMaps, name))?.metadata.resourceVersion).toBe("7");
    expect(server.requests).toHaveLength(2);
    const always = await start(reset);
    const operation = { op: "add", path: "/x", value: 1 } as const;
    for (const write of [
      () => always.client.create(configMaps, configMap("a", "") as never),
      () => always.client.delete(configMaps, name, { uid: "u" }),
      () => always.client.jsonPatch(configMaps, name, [operation]),
    ]) {
      always.server.requests.length = 0;
      expect(await failure(write())).toMatchObject({ reason: "unavailable", status: undefined });
      expect(always.server.requests).toHaveLength(1);
    }
    always.server.requests.length = 0;
    await failure(
      always.client.jsonPatch(configMaps, name, [{ op: "test", path: "/x", value: 0 }, operation]),
    );
    expect(always.server.requests).toHaveLength(3);
  });
});

describe("interception", () => {
  it("can prevent a request, lose its answer, or put another in its place", async () => {
    const intercept: Interceptor = async (request, send) => {
      if (request.name === "before") throw new Error("crash");
      const answer = await send();
      if (request.name === "after") throw new Error("crash");
      return request.name === "busy" ? { status: 500, body: "" } : answer;
    };
    const { server, client } = await start((_request, answer) => sendJson(answer, 200, configMap("a", "7")), {
      intercept,
    });
    const get = (object: string) => client.get(configMaps, { namespace: "demo", name: object });
    await expect(get("before")).rejects.toThrow("crash");
    expect(server.requests).toHaveLength(0);
    await expect(get("after")).rejects.toThrow("crash");
    expect(server.requests).toHaveLength(1);
    expect(await failure(get("busy"))).toMatchObject({ reason: "unavailable", status: 500 });
    expect((await get("fine"))?.metadata.name).toBe("a");
  });
});
