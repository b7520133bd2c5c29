import { describe, expect, it } from "vitest";

import { configMaps, services, secrets } from "#platform/kube/resources.ts";
import { configMap, sendJson, sendStatus } from "#test/support/fault-server.ts";
import type { Script } from "#test/support/fault-server.ts";
import { absent, failure, name, start } from "./client-harness.ts";

describe("writes", () => {
  const echo: Script = (_request, answer) => sendJson(answer, 200, configMap("a", "8"));

  it("do not leave once this process may not act any more, not even those that waited; reads do", async () => {
    let leads = true;
    const { client, server } = await start(echo, {
      mayWrite: () => leads,
      budget: {
        acquire: async () => {
          await Promise.resolve();
          leads = false;
          return () => undefined;
        },
        state: () => ({ waiting: 0, inFlight: 0, requestsPerSecond: 1 }),
      },
    });
    const refused = await failure(client.mergePatch(configMaps, name, {}));
    expect(refused).toMatchObject({ reason: "unavailable", detail: "notSent" });
    await failure(client.deleteCollection(configMaps, { namespace: "demo", labels: { a: "b" } }));
    expect(server.requests).toHaveLength(0);
    await client.get(configMaps, name);
    expect(server.requests).toHaveLength(1);
  });

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
    expect(
      server.requests.map((request) => `${request.method} ${request.path} ${request.query.toString()}`),
    ).toEqual([
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
    const conflict =
      (message: string): Script =>
      (_request, answer) =>
        sendStatus(answer, 409, { reason: "Conflict", message });
    const found: Script = (_request, answer) => sendJson(answer, 200, configMap("a", "7"));
    const script: Script[] = [
      (_request, answer) => sendStatus(answer, ...absent),
      conflict("Precondition failed: UID in precondition: u, UID in object meta: v"),
      conflict(
        "Operation cannot be fulfilled: the UID in the precondition (u) does not match the UID in record (v)",
      ),
      conflict("a wording nobody has seen yet"),
      found,
      conflict("the object has been modified"),
      found,
      (_request, answer) => sendJson(answer, 200, { kind: "Status", status: "Success" }),
    ];
    const { client, server } = await start((request, answer, n) => script[n - 1]?.(request, answer, n));
    const remove = (uid: string) => client.delete(configMaps, name, { uid });
    for (let n = 0; n < 4; n += 1) expect(await remove("u")).toBe(false);
    expect(await failure(remove("uid-a"))).toMatchObject({ reason: "conflict" });
    expect(await remove("u")).toBe(true);
    expect(server.requests).toHaveLength(8);
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
    const error = await failure(client.create(services, configMap("a", "") as never));
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
