import { describe, expect, it, onTestFinished } from "vitest";
import { systemClock } from "#platform/process/clock.ts";

import { configMaps, nodes } from "#platform/kube/resources.ts";
import { configMap, sendJson, sendStatus, startFaultServer } from "#test/support/fault-server.ts";
import type { Script } from "#test/support/fault-server.ts";
import { absent, failure, name, start } from "./client-harness.ts";

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
    const objects = await collect(client.list(configMaps, { namespace: "demo", labelSelector: "a=b" }));
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
    const names = async () => (await collect(client.list(configMaps))).map((object) => object.metadata.name);
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
    const other = await startFaultServer(ok);
    onTestFinished(() => other.close());
    // Not the fast clock: a busy machine takes longer for certificates than its thirty seconds last.
    const { server, make } = await start(
      (_request, answer, n) => {
        if (n > 2) sendJson(answer, 200, configMap("a", "8"));
        else pending.push(() => sendJson(answer, 200, configMap("a", "7")));
      },
      { clock: systemClock() },
    );
    let pem = server.config.caPem ?? "";
    const { caPem: _, ...rest } = server.config;
    const client = make({ ...rest, certificateAuthority: async () => pem });
    const slow = [client.get(configMaps, name), client.get(configMaps, name)];
    await expect.poll(() => pending.length).toBe(2);
    server.serveWith(await other.authority.issue("CN=fault-server", [{ ip: "127.0.0.1" }]));
    pem = other.authority.certPem;
    expect((await client.get(configMaps, name))?.metadata.resourceVersion).toBe("8");
    pending[0]?.();
    await Promise.race(slow);
    pending[1]?.();
    const answers = await Promise.all(slow);
    expect(answers.map((answer) => answer?.metadata.resourceVersion)).toEqual(["7", "7"]);
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

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}
