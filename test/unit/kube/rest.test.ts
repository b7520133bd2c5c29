import { afterEach, describe, expect, it } from "vitest";

import type { Interceptor, RequestInfo } from "#platform/kube/api-request.ts";
import { KubeError } from "#platform/kube/errors.ts";
import { configMaps, nodes, secrets } from "#platform/kube/resources.ts";
import { createKubeClient } from "#platform/kube/rest.ts";
import type { KubeClientOptions } from "#platform/kube/rest.ts";
import { configMap, sendJson, sendStatus, startFaultServer } from "#test/support/fault-server.ts";
import type { Script } from "#test/support/fault-server.ts";
import { fastClock } from "./test-clocks.ts";

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

async function start(script: Script, options: Partial<KubeClientOptions> = {}) {
  const server = await startFaultServer(script);
  const clock = fastClock(100);
  const infos: RequestInfo[] = [];
  const make = (config = server.config) => {
    const client = createKubeClient(config, { clock, onRequest: (info) => infos.push(info), ...options });
    closers.unshift(() => client.close());
    return client;
  };
  closers.push(() => server.close());
  return { server, clock, infos, make, client: make() };
}

const name = { namespace: "demo", name: "a" };
const absent: [number, Record<string, unknown>] = [
  404,
  { reason: "NotFound", message: 'configmaps "a" not found' },
];

async function failure(promise: Promise<unknown>): Promise<KubeError> {
  const error = await promise.then(
    () => new Error("it succeeded"),
    (cause: unknown) => cause,
  );
  expect(error).toBeInstanceOf(KubeError);
  return error as KubeError;
}

/** Destroys the connection without an answer. */
const reset: Script = (_request, answer) => void answer.socket?.resetAndDestroy();

describe("reads", () => {
  it("answers undefined for a 404 with a NotFound status", async () => {
    const { client } = await start((_request, answer) => sendStatus(answer, ...absent));
    expect(await client.get(configMaps, name)).toBeUndefined();
  });

  it("never takes a proxy's 404 or that of an uninstalled API for an absent object", async () => {
    const { client } = await start((_request, answer) => {
      answer.writeHead(404);
      answer.end("404 page not found\n");
    });
    const error = await failure(client.get(configMaps, name));
    expect(error).toMatchObject({ reason: "unavailable", status: 404, detail: "notServed" });
    await expect(client.delete(configMaps, name, { uid: "u" })).rejects.toMatchObject({
      detail: "notServed",
    });
  });

  it("keeps unknown fields, drops managedFields, and leaves the base path of the server in place", async () => {
    const { server, make } = await start((_request, answer) => {
      const object = configMap("a", "7", { data: { x: "1" } });
      sendJson(answer, 200, {
        ...object,
        metadata: { ...(object["metadata"] as object), managedFields: [{ manager: "m" }], selfLink: "kept" },
      });
    });
    const client = make({ ...server.config, server: `${server.config.server}/k8s/clusters/c-1/` });
    const object = await client.get(configMaps, name);
    expect(object).toEqual({ ...configMap("a", "7"), data: { x: "1" }, metadata: expect.anything() });
    expect(object?.metadata).toMatchObject({ resourceVersion: "7", selfLink: "kept" });
    expect(object?.metadata).not.toHaveProperty("managedFields");
    expect(server.requests[0]?.path).toBe("/k8s/clusters/c-1/api/v1/namespaces/demo/configmaps/a");
  });

  it("reuses one connection for sequential requests", async () => {
    const { client, server } = await start((_request, answer) => sendJson(answer, 200, configMap("a", "7")));
    for (let n = 0; n < 20; n += 1) await client.get(configMaps, name);
    expect(server.connections()).toBe(1);
  });

  it("lists page after page and fills kind and apiVersion of the items", async () => {
    const { client, server } = await start((request, answer) => {
      const second = request.query.get("continue") === "next";
      const { metadata } = configMap(second ? "b" : "a", "5");
      sendJson(answer, 200, {
        kind: "ConfigMapList",
        metadata: { resourceVersion: "9", continue: second ? "" : "next" },
        items: [{ metadata }],
      });
    });
    const objects = await Array.fromAsync(
      client.list(configMaps, { namespace: "demo", labelSelector: "a=b" }),
    );
    expect(objects.map((object) => `${object.apiVersion} ${object.kind} ${object.metadata.name}`)).toEqual([
      "v1 ConfigMap a",
      "v1 ConfigMap b",
    ]);
    expect(server.requests.map((request) => request.query.get("limit"))).toEqual(["500", "500"]);
    expect(server.requests[1]?.query.get("labelSelector")).toBe("a=b");
  });

  it("starts a list once more when its continue token expired, and gives up on the second expiry", async () => {
    let expiries = 1;
    const { client, server } = await start((request, answer) => {
      if (request.query.get("continue") === "next" && expiries > 0) {
        expiries -= 1;
        sendStatus(answer, 410, { reason: "Expired" });
        return;
      }
      const last = request.query.has("continue");
      sendJson(answer, 200, {
        metadata: { resourceVersion: "9", ...(last ? {} : { continue: "next" }) },
        items: [configMap(last ? "b" : "a", "5")],
      });
    });
    const names = async () =>
      (await Array.fromAsync(client.list(configMaps))).map((object) => object.metadata.name);
    expect(await names()).toEqual(["a", "a", "b"]);
    expect(server.requests).toHaveLength(4);
    expiries = 2;
    expect(await failure(names())).toMatchObject({ reason: "gone" });
  });

  it("fails with timeout when no answer comes within the limit", async () => {
    const { client } = await start(() => {}, { timeoutMs: 5_000 });
    expect(await failure(client.get(configMaps, name))).toMatchObject({
      reason: "timeout",
      status: undefined,
    });
  });

  it("fails with timeout when the body stops half-way", async () => {
    const { client } = await start(
      (_request, answer) => {
        answer.writeHead(200, { "content-length": "1000" });
        answer.write("{");
      },
      { timeoutMs: 5_000 },
    );
    expect(await failure(client.get(configMaps, name))).toMatchObject({ reason: "timeout" });
  });

  it("reports a 200 that is not JSON, or not an object, as unavailable", async () => {
    const { client } = await start((_request, answer, n) => {
      if (n === 1) answer.end("<html>login</html>");
      else sendJson(answer, 200, { kind: "Status", metadata: {} });
    });
    expect(await failure(client.get(configMaps, name))).toMatchObject({ reason: "unavailable", status: 200 });
    expect(await failure(client.get(configMaps, name))).toMatchObject({ reason: "unavailable", status: 200 });
  });

  it("names refused connections and untrusted certificates as unavailable", async () => {
    const { server, make } = await start((_request, answer) => sendJson(answer, 200, {}));
    const { caPem: _, ...untrusted } = server.config;
    const error = await failure(make(untrusted).get(configMaps, name));
    expect(error).toMatchObject({ reason: "unavailable", status: undefined, dependency: "test" });
    const refused = make({ connection: "test", server: "https://127.0.0.1:1" });
    expect(await failure(refused.get(configMaps, name))).toMatchObject({
      reason: "unavailable",
      message: expect.stringContaining("ECONNREFUSED"),
    });
  });
});

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
    const date = { value: "" };
    const { client, server, clock } = await start((request, answer, n) =>
      busyOnce(429, { "retry-after": date.value })(request, answer, n),
    );
    date.value = new Date(clock.now() + 4_000).toUTCString();
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

describe("writes", () => {
  const echo: Script = (_request, answer) => sendJson(answer, 200, configMap("a", "8"));

  it("sends each verb as the API describes it", async () => {
    const { client, server, infos } = await start(echo);
    const object = configMap("a", "7") as never;
    await client.replace(configMaps, object);
    await client.mergePatch(
      configMaps,
      name,
      { metadata: { resourceVersion: "7" } },
      { subresource: "status" },
    );
    await client.jsonPatch(configMaps, name, [{ op: "remove", path: "/x" }], { fieldManager: "f" });
    await client.apply(configMaps, object, { fieldManager: "f", force: true });
    await client.delete(configMaps, name, { uid: "u-1", propagation: "Foreground" });
    await client.deleteCollection(configMaps, { namespace: "demo", labels: { "capfn.dev/owner": "u-1" } });
    const collection = "/api/v1/namespaces/demo/configmaps";
    expect(server.requests.map((request) => `${request.method} ${request.path} ${request.query}`)).toEqual([
      `PUT ${collection}/a `,
      `PATCH ${collection}/a/status `,
      `PATCH ${collection}/a fieldManager=f`,
      `PATCH ${collection}/a fieldManager=f&force=true&fieldValidation=Strict`,
      `DELETE ${collection}/a `,
      `DELETE ${collection} labelSelector=capfn.dev%2Fowner%3Du-1`,
    ]);
    expect(server.requests.map((request) => request.headers["content-type"])).toEqual([
      "application/json",
      "application/merge-patch+json",
      "application/json-patch+json",
      "application/apply-patch+yaml",
      "application/json",
      undefined,
    ]);
    expect(JSON.parse(server.requests[4]?.body ?? "")).toMatchObject({
      preconditions: { uid: "u-1" },
      propagationPolicy: "Foreground",
    });
    expect(infos.map((info) => info.verb)).toEqual([
      "update",
      "patch",
      "patch",
      "patch",
      "delete",
      "deletecollection",
    ]);
    expect(infos[1]).toMatchObject({
      connection: "test",
      resource: "configmaps",
      subresource: "status",
      status: 200,
    });
    expect(JSON.stringify(infos)).not.toContain("preconditions");
  });

  it("refuses names and selectors that would hit more than one object, before anything is sent", async () => {
    const { client, server } = await start(echo);
    for (const bad of ["", ".", "..", "a/b", "a%2fb"]) {
      const target = { namespace: "demo", name: bad };
      expect(await failure(client.delete(configMaps, target, { uid: "u" }))).toMatchObject({
        detail: "notSent",
      });
    }
    expect(await failure(client.get(configMaps, { name: "a" }))).toMatchObject({ detail: "notSent" });
    for (const labels of [{}, { "capfn.dev/owner": "" }, { "a,b": "c" }, { a: "b,c" }]) {
      const request = client.deleteCollection(configMaps, { namespace: "demo", labels });
      expect(await failure(request)).toMatchObject({ reason: "invalid", detail: "notSent" });
    }
    expect(server.requests).toHaveLength(0);
  });

  it("refuses a write whose signal has aborted, before it is sent", async () => {
    const { client, server } = await start(echo);
    const signal = AbortSignal.abort(new Error("deadline"));
    const error = await failure(
      client.apply(configMaps, configMap("a", "") as never, { fieldManager: "f", signal }),
    );
    expect(error).toMatchObject({ reason: "timeout", detail: "notSent" });
    expect(server.requests).toHaveLength(0);
  });

  it("answers false when the object to delete is absent or is a namesake with another uid", async () => {
    const { client } = await start((_request, answer, n) => {
      if (n === 1) sendStatus(answer, ...absent);
      else if (n === 2) {
        const message = "Precondition failed: UID in precondition: u, UID in object meta: v";
        sendStatus(answer, 409, { reason: "Conflict", message });
      } else if (n === 3)
        sendStatus(answer, 409, { reason: "Conflict", message: "the object has been modified" });
      else sendJson(answer, 200, { kind: "Status", status: "Success" });
    });
    const remove = () => client.delete(configMaps, name, { uid: "u" });
    expect(await remove()).toBe(false);
    expect(await remove()).toBe(false);
    expect(await failure(remove())).toMatchObject({ reason: "conflict" });
    expect(await remove()).toBe(true);
  });

  it.each([
    [400, "BadRequest", "invalid"],
    [403, "Forbidden", "forbidden"],
    [404, "NotFound", "notFound"],
    [409, "AlreadyExists", "alreadyExists"],
    [409, "Conflict", "conflict"],
    [410, "Expired", "gone"],
    [422, "Invalid", "invalid"],
    [502, "", "unavailable"],
  ])("maps %i %s to %s", async (status, reason, expected) => {
    const { client } = await start((_request, answer) =>
      sendStatus(answer, status, { reason, message: "server said" }),
    );
    const error = await failure(client.create(configMaps, configMap("a", "") as never));
    expect(error).toMatchObject({
      reason: expected,
      status,
      message: expect.stringContaining("server said"),
    });
  });

  it("repeats nothing of what the API server says about a Secret", async () => {
    const { client } = await start((_request, answer) => {
      const details = { causes: [{ field: "data.token", message: "hunter2" }] };
      sendStatus(answer, 422, { reason: "Invalid", message: "bad value hunter2", details });
    });
    const secret = { apiVersion: "v1", kind: "Secret", metadata: name };
    const error = await failure(client.create(secrets, secret));
    expect(error.message).toContain("data.token");
    expect(JSON.stringify([error.message, error.cause])).not.toContain("hunter2");
  });

  it("refuses an object above the API server's body limit before it is sent", async () => {
    const { client, server } = await start(echo);
    const object = configMap("a", "", { data: { x: "x".repeat(3 * 1024 * 1024) } });
    expect(await failure(client.create(configMaps, object as never))).toMatchObject({
      reason: "invalid",
      detail: "notSent",
    });
    expect(server.requests).toHaveLength(0);
  });
});

describe("credentials", () => {
  const ok: Script = (_request, answer) => sendJson(answer, 200, configMap("a", "7"));

  it("asks for a fresh token once after a 401 and repeats the request", async () => {
    const { server, make } = await start((request, answer) =>
      request.headers.authorization === "Bearer new"
        ? sendJson(answer, 200, configMap("a", "7"))
        : sendStatus(answer, 401),
    );
    const asked: (boolean | undefined)[] = [];
    const client = make({
      ...server.config,
      token: async (fresh) => {
        asked.push(fresh);
        return fresh === true ? "new" : "old";
      },
    });
    await client.create(configMaps, configMap("a", "") as never);
    expect(asked).toEqual([false, true]);
    const stale = make({ ...server.config, token: async () => "old" });
    server.requests.length = 0;
    expect(await failure(stale.get(configMaps, name))).toMatchObject({ reason: "unauthorized" });
    expect(server.requests).toHaveLength(2);
  });

  it("uses a rotated client certificate for the next request", async () => {
    const { server, make } = await start(ok);
    let identity = await server.authority.issue("CN=one", []);
    const client = make({ ...server.config, clientIdentity: async () => identity });
    await client.get(configMaps, name);
    await client.get(configMaps, name);
    identity = await server.authority.issue("CN=two", []);
    await client.get(configMaps, name);
    expect(server.requests.map((request) => request.client)).toEqual(["one", "one", "two"]);
    expect(server.connections()).toBe(2);
  });

  it("trusts a rotated CA without a restart, and lets requests in flight over the old connection end", async () => {
    const pending: (() => void)[] = [];
    const { server, make } = await start((_request, answer, n) => {
      if (n > 1) sendJson(answer, 200, configMap("a", "8"));
      else pending.push(() => sendJson(answer, 200, configMap("a", "7")));
    });
    let pem = server.config.caPem ?? "";
    const { caPem: _, ...rest } = server.config;
    const client = make({ ...rest, certificateAuthority: async () => pem });
    const slow = client.get(configMaps, name);
    await expect.poll(() => pending.length).toBe(1);
    const other = await startFaultServer(ok);
    closers.push(() => other.close());
    server.serveWith(await other.authority.issue("CN=fault-server", [{ ip: "127.0.0.1" }]));
    pem = other.authority.certPem;
    expect((await client.get(configMaps, name))?.metadata.resourceVersion).toBe("8");
    pending[0]?.();
    expect((await slow)?.metadata.resourceVersion).toBe("7");
  });

  it("refuses to send anything after it was closed", async () => {
    const { client, server } = await start(ok);
    client.close();
    expect(await failure(client.get(nodes, { name: "n" }))).toMatchObject({
      reason: "unavailable",
      detail: "notSent",
    });
    expect(server.requests).toHaveLength(0);
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
