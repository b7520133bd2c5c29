import { mkdtemp, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { parseIngressConfig } from "#events/sources/ingress/config.ts";
import { openSenders } from "#events/sources/ingress/senders.ts";
import { tokenBucket } from "#events/sources/ingress/token-bucket.ts";
import { FakeClock, settle } from "#test/support/fake-clock.ts";
import { ingressBench, sentAlert, tokens, webhook, type IngressBench } from "#test/support/ingress-bench.ts";

let bench: IngressBench | undefined;
afterEach(async () => {
  await bench?.stop();
  bench = undefined;
});

const structured = { "content-type": "application/cloudevents+json" };

describe("who sends", () => {
  it("is asked for before the body is looked at", async () => {
    bench = await ingressBench();
    for (const authorization of ["", "Bearer wrong", "Basic YTpi", "Bearer", `Bearer ${tokens.admin}x`]) {
      for (const url of ["/alerts", "/events"]) {
        const payload = "x".repeat(2_000_000);
        const answer = await bench.server.inject({
          method: "POST",
          url,
          headers: { authorization },
          payload,
        });
        expect(answer.statusCode).toBe(401);
        expect(answer.headers["www-authenticate"]).toBe("Bearer");
      }
    }
    expect(bench.requests).toEqual([]);
  });

  it.each([
    ["POST", "/elsewhere", 404],
    ["OPTIONS", "/elsewhere", 404],
    ["OPTIONS", "/events", 403],
    ["OPTIONS", "/alerts", 405],
    ["PUT", "/alerts", 405],
    ["DELETE", "/events?x=1", 405],
  ] as const)(
    "need not be known for an answer to %s %s, but no body is read for it",
    async (method, url, status) => {
      bench = await ingressBench();
      // Were it read, the answer would be 413.
      const payload = "x".repeat(2_000_000);
      const answer = await bench.server.inject({ method, url, headers: structured, payload });
      expect(answer.statusCode).toBe(status);
      expect(answer.headers["allow"]).toBe(
        status === 405 ? (url === "/alerts" ? "POST" : "OPTIONS, POST") : undefined,
      );
    },
  );

  it("may use the paths of its configuration only", async () => {
    bench = await ingressBench();
    expect((await bench.alerts(webhook(sentAlert()), tokens.knative)).statusCode).toBe(403);
    expect((await bench.send(structured, {}, tokens.alertmanager)).statusCode).toBe(403);
    expect(bench.requests).toEqual([]);
  });

  it("is known by the scheme's name in any case, and by a token that was exchanged meanwhile", async () => {
    bench = await ingressBench();
    const { senders, clock, directory } = bench;
    const who = (authorization: string) =>
      senders.identify({ authorization, certificateSubject: undefined }).then((sender) => sender?.name);
    expect(await who(`bearer ${tokens.knative}`)).toBe("knative");
    await writeFile(join(directory, "knative"), "new-token");
    await utimes(join(directory, "knative"), 1, 1);
    expect(await who("Bearer new-token")).toBeUndefined();
    await clock.advance(10_001);
    expect(await who("Bearer new-token")).toBe("knative");
    expect(await who(`Bearer ${tokens.knative}`)).toBeUndefined();
  });

  it.each([
    ["emptied", (path: string) => writeFile(path, "\n")],
    ["taken away", (path: string) => rm(path)],
  ])(
    "is nobody any more when its token file is %s, but for a second in which it may be being replaced",
    async (_what, harm) => {
      const directory = await mkdtemp(join(tmpdir(), "capfn-senders-"));
      const tokenFile = join(directory, "token");
      await writeFile(tokenFile, "the-token");
      const senders = [{ name: "am", tokenFile, paths: ["/alerts"] }];
      const clock = new FakeClock();
      const told: string[] = [];
      const open = await openSenders(
        parseIngressConfig("f", JSON.stringify({ senders })).senders,
        clock,
        (sender, problem) =>
          told.push(`${sender} ${problem instanceof Error ? problem.message : "has a token"}`),
      );
      const who = async () => {
        const sender = await open.identify({
          authorization: "Bearer the-token",
          certificateSubject: undefined,
        });
        return sender?.name;
      };
      await harm(tokenFile);
      await clock.advance(10_000);
      expect(await who()).toBe("am");
      expect(told).toEqual([]);
      await clock.advance(1_000);
      expect(await who()).toBeUndefined();
      await clock.advance(60_000);
      expect(await who()).toBeUndefined();
      expect(told).toHaveLength(1);
      expect(told[0]).toContain(`the tokenFile of sender am`);
      await writeFile(tokenFile, "the-token");
      await clock.advance(10_000);
      expect(await who()).toBe("am");
      expect(told[1]).toBe("am has a token");
      await rm(directory, { recursive: true });
    },
  );

  it("is known by the whole subject of its certificate, however its parts are written", async () => {
    const config = parseIngressConfig(
      "f",
      JSON.stringify({
        tls: { certificateFile: "c", keyFile: "k", clientCaFile: "a" },
        senders: [{ name: "am", certificateSubject: "O=monitoring, CN=am", paths: ["/alerts"] }],
      }),
    );
    const senders = await openSenders(config.senders, new FakeClock());
    const who = (certificateSubject: string | undefined) =>
      senders.identify({ authorization: undefined, certificateSubject }).then((sender) => sender?.name);
    expect(await who("O=monitoring\nCN=am")).toBe("am");
    for (const subject of ["CN=am", "O=monitoring\\, CN=am", "O=monitoring\nCN=am\nOU=x", "", undefined])
      expect(await who(subject)).toBeUndefined();
  });
});

describe("limits", () => {
  it("of time and of connections hold for the server that listens", async () => {
    bench = await ingressBench();
    expect(bench.server.server).toMatchObject({
      requestTimeout: 15_000,
      headersTimeout: 15_000,
      maxConnections: 1_280,
    });
  });

  it("of a body are 1 MiB for events and 8 MiB for alerts, which come in groups", async () => {
    bench = await ingressBench();
    const event = await bench.send(structured, " ".repeat(1_048_577));
    expect(event.statusCode).toBe(413);
    const group = { ...webhook(sentAlert()), padding: " ".repeat(8_000_000) };
    expect((await bench.alerts(group)).statusCode).toBe(200);
    expect((await bench.alerts(" ".repeat(8 * 1_048_576 + 1))).statusCode).toBe(413);
    expect(bench.events).toContainEqual(
      expect.objectContaining({ kind: "oversized", problem: expect.stringContaining("set max_alerts") }),
    );
  });

  it("of a body are answered so that Alertmanager comes again, when nobody else would bring the alerts", async () => {
    bench = await ingressBench({ areCompared: false });
    const answer = await bench.alerts(" ".repeat(8 * 1_048_576 + 1));
    expect(answer.statusCode).toBe(503);
    expect(answer.headers["retry-after"]).toBe("30");
    expect(answer.json()).toMatchObject({ error: expect.stringContaining("its alerts are lost unless") });
    expect(bench.events.filter(({ kind }) => kind === "oversized")).toHaveLength(1);
    expect((await bench.send(structured, " ".repeat(1_048_577))).statusCode).toBe(413);
  });

  it("of a sender's rate hold alerts back until it is their turn, and are 429 for events, which says when to come again", async () => {
    bench = await ingressBench({ requestsPerSecond: 1 });
    const alert = () => bench!.alerts(webhook(sentAlert()), tokens.admin);
    expect((await alert()).statusCode).toBe(200);
    const event = await bench.send(structured, {});
    expect(event.statusCode).toBe(400);
    const tooMany = await bench.send(structured, {});
    expect(tooMany.statusCode).toBe(429);
    expect(tooMany.headers["retry-after"]).toBe("1");
    let answered = false;
    const held = alert().finally(() => (answered = true));
    expect((await bench.alerts(webhook(sentAlert()))).statusCode).toBe(200);
    await bench.clock.advance(900);
    expect(answered).toBe(false);
    await bench.clock.advance(101);
    expect((await held).statusCode).toBe(200);
  });

  it("of requests at once hold alerts back; those that wait too long are 503, which says when to come again", async () => {
    bench = await ingressBench({ turns: { atOnce: 1 } });
    const { api, alerts } = bench;
    const create = api.create.bind(api);
    const held = Promise.withResolvers<void>();
    api.create = async (...args) => {
      await held.promise;
      return create(...args);
    };
    const first = alerts(webhook(sentAlert()));
    await settle();
    const second = alerts(webhook(sentAlert()));
    await settle();
    const event = await bench.send(structured, {});
    expect(event.statusCode).toBe(503);
    await bench.clock.advance(4_900);
    const third = alerts(webhook(sentAlert()));
    await settle();
    await bench.clock.advance(101);
    expect((await second).statusCode).toBe(503);
    expect((await second).headers["retry-after"]).toBe("1");
    held.resolve();
    expect((await third).statusCode).toBe(200);
    await first;
  });

  it("do not count a delivery that was broken off before it was known who sends", async () => {
    bench = await ingressBench({ turns: { atOnce: 1 } });
    const { server, alerts, senders } = bench;
    const asked = Promise.withResolvers<void>();
    const broken = Promise.withResolvers<void>();
    const identify = senders.identify.bind(senders);
    Object.assign(senders, {
      identify: async (...given: Parameters<typeof identify>) => {
        asked.resolve();
        await broken.promise;
        return identify(...given);
      },
    });
    server.server.on("connection", (socket) => socket.once("close", () => setTimeout(broken.resolve, 20)));
    const url = await server.listen({ host: "127.0.0.1", port: 0 });
    const ending = new AbortController();
    const headers = { authorization: `Bearer ${tokens.alertmanager}` };
    const body = JSON.stringify(webhook(sentAlert()));
    const first = fetch(`${url}/alerts`, { method: "POST", headers, body, signal: ending.signal });
    await asked.promise;
    ending.abort();
    await expect(first).rejects.toThrow();
    await broken.promise;
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect((await alerts(webhook(sentAlert()))).statusCode).toBe(200);
  });

  it("give the turn of a delivery that was broken off to the next one", async () => {
    bench = await ingressBench({ turns: { atOnce: 1 } });
    const { server, alerts, api } = bench;
    const held = Promise.withResolvers<never>();
    api.create = () => held.promise;
    const url = await server.listen({ host: "127.0.0.1", port: 0 });
    const headers = { authorization: `Bearer ${tokens.alertmanager}`, "content-type": "application/json" };
    const ending = new AbortController();
    const body = JSON.stringify(webhook(sentAlert()));
    const broken = fetch(`${url}/alerts`, { method: "POST", headers, body, signal: ending.signal });
    while (bench.clock.pending === 0) await settle();
    const next = alerts(" ");
    ending.abort();
    await expect(broken).rejects.toThrow();
    expect((await next).statusCode).toBe(400);
    held.reject(new Error("over"));
  });

  it("of a bucket are the rate in the long run, and twice the rate in a burst", async () => {
    const clock = new FakeClock();
    const bucket = tokenBucket(clock, 10);
    const burst = Array.from({ length: 50 }, () => bucket.take()).filter((wait) => wait === 0).length;
    expect(burst).toBe(20);
    let taken = 0;
    for (let tick = 0; tick < 1000; tick += 1) {
      await clock.advance(10);
      if (bucket.take() === 0) taken += 1;
    }
    expect(taken).toBeGreaterThan(95);
    expect(taken).toBeLessThanOrEqual(101);
  });
});

describe("what went wrong by itself", () => {
  it("is 503, not another 5xx", async () => {
    bench = await ingressBench();
    bench.hints.push = () => {
      throw new Error("broken");
    };
    const event = { specversion: "1.0", id: "1", source: "/s", type: "dev.capfn.machine.changed" };
    const answer = await bench.send(structured, { ...event, subject: "namespaces/a/machines/b" });
    expect(answer.statusCode).toBe(503);
    expect(answer.body).not.toContain("broken");
  });
});
