import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { serveAnswers, type Listening } from "#cli/http/answers.ts";

describe("the read-only paths of a process", () => {
  let server: Listening;
  const ask = (path: string, init?: RequestInit) => fetch(`${server.address}${path}`, init);

  beforeEach(async () => {
    server = await serveAnswers(
      {
        "/plain": () => ({ body: "ok" }),
        "/why/:kind/:name": ({ kind, name }) => ({
          type: "application/json",
          body: JSON.stringify([kind, name]),
        }),
        "/unready": () => ({ status: 503, body: "not yet" }),
        "/nothing": () => undefined,
        "/broken": () => Promise.reject(new Error("token abc")),
      },
      { host: "127.0.0.1", port: 0 },
    );
  });
  afterEach(() => server.close());

  it("are answered with their status, type and text", async () => {
    const plain = await ask("/plain");
    expect([plain.status, plain.headers.get("content-type"), await plain.text()]).toEqual([
      200,
      "text/plain; charset=utf-8",
      "ok",
    ]);
    expect((await ask("/unready")).status).toBe(503);
  });

  it("hand over the parameters of the path, decoded, whatever the query says", async () => {
    expect(await (await ask("/why/machine/a%20b?x=1")).json()).toEqual(["machine", "a b"]);
    expect(await (await ask("/why/machine/%zz")).json()).toEqual(["machine", "%zz"]);
  });

  it("answer 404 for another path, and for one that has nothing to say", async () => {
    expect(await (await ask("/else")).text()).toBe("nothing is served at /else");
    expect((await ask("/why/machine")).status).toBe(404);
    expect((await ask("/nothing")).status).toBe(404);
  });

  it("take no other method than GET and HEAD", async () => {
    expect((await ask("/plain", { method: "POST", body: "x".repeat(100_000) })).status).toBe(405);
    const head = await ask("/plain", { method: "HEAD" });
    expect([head.status, await head.text()]).toEqual([200, ""]);
  });

  it("answer 500 without the error's text when a page fails, and go on serving", async () => {
    const broken = await ask("/broken");
    expect([broken.status, await broken.text()]).toEqual([500, "this could not be answered; ask again"]);
    expect((await ask("/plain")).status).toBe(200);
  });

  it("close although a connection is kept alive", async () => {
    await ask("/plain");
    await server.close();
    await expect(ask("/plain")).rejects.toThrow();
    server = await serveAnswers({}, { host: "127.0.0.1", port: 0 });
  });
});
