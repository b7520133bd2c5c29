import type { ServerResponse } from "node:http";

import { describe, expect, it, onTestFinished } from "vitest";

import { configMaps } from "#platform/kube/resources.ts";
import { createKubeClient } from "#platform/kube/rest.ts";
import { configMap, sendLines, sendStatus, watchLine } from "#test/support/fault-server.ts";
import { fastClock } from "./test-clocks.ts";
import { added, done, named, send, start, streamedList, summary, versions } from "./watch-harness.ts";

describe("disruptions", () => {
  it.each([
    ["a 500", (answer: ServerResponse) => sendStatus(answer, 500)],
    ["a 403", (answer: ServerResponse) => sendStatus(answer, 403)],
    ["a connection closed before the answer", (answer: ServerResponse) => void answer.socket?.destroy()],
    [
      "a connection dropped in mid-line",
      (answer: ServerResponse) => {
        sendLines(answer, added("b", "11").slice(0, 30));
        setTimeout(() => answer.socket?.destroy(), 5);
      },
    ],
    [
      "an end in mid-line",
      (answer: ServerResponse) => {
        sendLines(answer);
        answer.end(added("b", "11").slice(0, 30));
      },
    ],
    ["a malformed JSON line", send('{"type":"ADDED","object":{\n')],
    ["an object without a uid", send(watchLine("ADDED", { metadata: { name: "b" } }))],
    ["an unknown event type", send(watchLine("SURPRISE", {}))],
    ["an ERROR event", send(watchLine("ERROR", { kind: "Status", code: 500, message: "etcd" }))],
    ["an immediate end", send()],
    ["silence", (answer: ServerResponse) => sendLines(answer)],
  ])("%s is told and resumed from the same version", async (_kind, fault) => {
    const { server, until } = await start({ watches: [fault, done] });
    const events = await until(named("done"));
    expect(summary(events)).toEqual(["relist", "added a", "synced 10", "disrupted", "added done"]);
    expect(events[3]).toMatchObject({ retryInMs: 750 });
    expect(versions(server.requests)).toEqual([null, "10", "10"]);
  });

  it("an end in mid-line after an event is not taken for the server's timeout", async () => {
    const cut = (answer: ServerResponse) => {
      sendLines(answer, added("b", "11"));
      answer.end(added("c", "12").slice(0, 30));
    };
    const { server, until } = await start({ watches: [cut, done] });
    const events = await until(named("done"));
    expect(events[4]).toMatchObject({
      type: "disrupted",
      error: { message: expect.stringContaining("inside a line") },
    });
    expect(versions(server.requests)).toEqual([null, "10", "11"]);
  });

  it("honours Retry-After and backs off with full jitter up to 30 s", async () => {
    const busy = (answer: ServerResponse) => sendStatus(answer, 429, {}, { "retry-after": "20" });
    const down = (answer: ServerResponse) => sendStatus(answer, 503);
    const { until } = await start({ watches: [busy, ...Array.from({ length: 7 }, () => down), done] });
    const events = await until(named("done"));
    expect(events.flatMap((event) => (event.type === "disrupted" ? event.retryInMs : []))).toEqual([
      20_000, 1_250, 2_250, 4_250, 8_250, 15_250, 15_250, 15_250,
    ]);
  });

  it("starts over with the shortest wait after progress", async () => {
    const down = (answer: ServerResponse) => sendStatus(answer, 503);
    const { until } = await start({ watches: [down, down, send(added("b", "11")), down, done] });
    const waits = (await until(named("done"))).flatMap((e) => (e.type === "disrupted" ? e.retryInMs : []));
    expect(waits).toEqual([750, 1_250, 750]);
  });

  it("lists again when the same line stays unreadable", async () => {
    const broken = send("{]\n");
    const { until } = await start({ watches: [broken, broken, broken, done] });
    const events = await until(named("done"));
    expect(events.filter((event) => event.type === "disrupted")).toHaveLength(3);
    expect(events.filter((event) => event.type === "relist").at(-1)).toMatchObject({
      reason: "unreadable",
    });
  });

  it("bounds the length of a line", async () => {
    const long = send(watchLine("ADDED", configMap("b", "11", { data: { x: "x".repeat(200_000) } })));
    const { until } = await start({ watches: [long, done] }, { watch: { longestLineBytes: 100_000 } });
    const events = await until(named("done"));
    expect(events[3]).toMatchObject({
      type: "disrupted",
      error: { message: expect.stringContaining("longer") },
    });
  });

  it("asks for a fresh token when a watch is answered 401", async () => {
    const { server, client, ending } = await start({
      list: (answer, request) =>
        request.headers.authorization === "Bearer new" ? streamedList(answer) : sendStatus(answer, 401),
    });
    client.close();
    const token = async (fresh?: boolean) => (fresh === true ? "new" : "old");
    const other = createKubeClient({ ...server.config, token }, { clock: fastClock(100) });
    onTestFinished(() => other.close());
    for await (const event of other.watch(configMaps, { signal: ending.signal })) {
      if (event.type === "synced") break;
      expect(event.type).not.toBe("disrupted");
    }
  });
});
