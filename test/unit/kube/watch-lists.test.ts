import type { ServerResponse } from "node:http";

import { describe, expect, it } from "vitest";

import { configMaps } from "#platform/kube/resources.ts";
import {
  bookmark,
  configMap,
  listEnd,
  sendJson,
  sendLines,
  sendStatus,
  watchLine,
} from "#test/support/fault-server.ts";
import { added, done, gone, named, send, start, streamedList, summary, versions } from "./watch-harness.ts";

describe("start and resumption", () => {
  it("streams the list, then goes on in the same connection", async () => {
    const { server, until } = await start({
      list: (answer) => {
        streamedList(answer);
        answer.write(watchLine("MODIFIED", configMap("done", "11")));
      },
    });
    const events = await until(named("done"));
    expect(summary(events)).toEqual(["relist", "added a", "synced 10", "modified done"]);
    expect(server.requests).toHaveLength(1);
    expect(server.requests[0]?.query.toString()).toBe(
      "watch=true&allowWatchBookmarks=true&timeoutSeconds=450&resourceVersionMatch=NotOlderThan&sendInitialEvents=true",
    );
  });

  it("falls back to a paged list when the API server refuses to stream it, and remembers that", async () => {
    const { server, until } = await start({
      list: undefined,
      page: (answer, request) => {
        const last = request.query.has("continue");
        const metadata = { resourceVersion: "10", ...(last ? {} : { continue: "next" }) };
        sendJson(answer, 200, { metadata, items: [configMap(last ? "b" : "a", "7")] });
      },
      watches: [done, done],
    });
    expect(summary(await until(named("done")))).toEqual([
      "relist",
      "added a",
      "added b",
      "synced 10",
      "added done",
    ]);
    await until(named("done"));
    expect(server.requests.filter((request) => request.query.has("sendInitialEvents"))).toHaveLength(1);
  });

  it("begins the list again for the consumer when a page token expired", async () => {
    let expired = false;
    const { until } = await start({
      list: undefined,
      page: (answer, request) => {
        const second = request.query.has("continue");
        if (second && !expired) {
          expired = true;
          sendStatus(answer, 410, { reason: "Expired" });
        } else {
          const metadata = {
            resourceVersion: expired ? "20" : "10",
            ...(second ? {} : { continue: "next" }),
          };
          sendJson(answer, 200, { metadata, items: second ? [] : [configMap(expired ? "b" : "a", "7")] });
        }
      },
      watches: [done],
    });
    expect(summary(await until(named("done")))).toEqual([
      "relist",
      "added a",
      "relist",
      "added b",
      "synced 20",
      "added done",
    ]);
  });

  it("resumes silently from the last event or bookmark after the server's own timeout", async () => {
    const { server, until } = await start({
      watches: [send(added("b", "11")), send(bookmark("15")), done],
    });
    expect(summary(await until(named("done")))).toEqual([
      "relist",
      "added a",
      "synced 10",
      "added b",
      "bookmark 15",
      "added done",
    ]);
    expect(versions(server.requests)).toEqual([null, "10", "11", "15"]);
  });

  it("lists not older than the version it is given, and waits while the API server is behind", async () => {
    let behind = 2;
    const { server, until } = await start({
      list: (answer) => {
        if (behind > 0) {
          behind -= 1;
          const details = { causes: [{ reason: "ResourceVersionTooLarge" }], retryAfterSeconds: 1 };
          sendStatus(answer, 504, { reason: "Timeout", message: "Too large resource version: 500", details });
        } else send(listEnd("500"))(answer);
      },
      watches: [done],
    });
    const events = await until(named("done"), configMaps, { notOlderThan: "500" });
    expect(summary(events)).toEqual(["disrupted", "disrupted", "relist", "synced 500", "added done"]);
    expect(versions(server.requests)).toEqual(["500", "500", "500", "500"]);
  });

  it("does not accept a list older than what it has seen", async () => {
    let lists = 0;
    const { until } = await start({
      list: (answer) => {
        lists += 1;
        send(listEnd(lists === 1 ? "499" : "501"))(answer);
      },
      watches: [done],
    });
    const events = await until(named("done"), configMaps, { notOlderThan: "500" });
    expect(summary(events)).toEqual(["disrupted", "relist", "synced 501", "added done"]);
  });

  it("goes back only when a quorum read shows that the storage itself went back", async () => {
    const { server, until } = await start({
      list: (answer, request) => {
        if (request.query.has("resourceVersion")) {
          sendStatus(answer, 504, { message: "Too large resource version: 500, current: 100" });
        } else send(listEnd("100"))(answer);
      },
      page: (answer) => sendJson(answer, 200, { metadata: { resourceVersion: "100" }, items: [] }),
      watches: [done],
    });
    const events = await until(named("done"), configMaps, { notOlderThan: "500" });
    expect(events.find((event) => event.type === "relist")).toMatchObject({
      // A word, not a sentence with the version in it: it labels a metric.
      reason: "rewound",
      rewound: true,
    });
    const quorum = server.requests.filter((request) => request.query.get("limit") === "1");
    expect(quorum.map((request) => request.query.get("resourceVersion"))).toEqual([null]);
  });

  it("treats changes that overtake the end of a streamed list as part of the list", async () => {
    const { until } = await start({
      list: send(
        added("a", "7"),
        added("b", "8"),
        watchLine("MODIFIED", configMap("a", "9")),
        watchLine("DELETED", configMap("b", "10")),
        listEnd("10"),
      ),
      watches: [done],
    });
    expect(summary(await until(named("done")))).toEqual([
      "relist",
      "added a",
      "added b",
      "added a",
      "deleted b",
      "synced 10",
      "added done",
    ]);
  });

  it("takes the paged list after a streamed one has broken off twice", async () => {
    const { until } = await start({
      list: (answer) => sendLines(answer, added("a", "7")),
      page: (answer) => sendJson(answer, 200, { metadata: { resourceVersion: "10" }, items: [] }),
      watches: [done],
    });
    expect(summary(await until(named("done"))).slice(-3)).toEqual(["relist", "synced 10", "added done"]);
  });

  it("starts the list over when its stream breaks before the end", async () => {
    let lists = 0;
    const { until } = await start({
      list: (answer) => {
        lists += 1;
        if (lists === 1) {
          sendLines(answer, added("a", "7"));
          setTimeout(() => answer.socket?.destroy(), 5);
        } else send(added("b", "8"), listEnd("10"))(answer);
      },
      watches: [done],
    });
    expect(summary(await until(named("done")))).toEqual([
      "relist",
      "added a",
      "disrupted",
      "relist",
      "added b",
      "synced 10",
      "added done",
    ]);
  });
});

describe("410", () => {
  it.each([
    ["as an HTTP status", (answer: ServerResponse) => sendStatus(answer, 410, { reason: "Expired" })],
    ["as an ERROR event", send(gone)],
  ])("%s lists again at once", async (_kind, first) => {
    const { server, until } = await start({ watches: [first, done] });
    const events = await until(named("done"));
    expect(summary(events)).toEqual([
      "relist",
      "added a",
      "synced 10",
      "relist",
      "added a",
      "synced 10",
      "added done",
    ]);
    expect(events[3]).toMatchObject({ reason: "expired" });
    expect(server.requests[2]?.query.get("resourceVersion")).toBe("10");
  });

  it("again and again backs off instead of listing in a loop", async () => {
    let lists = 0;
    const { until } = await start({
      list: (answer) => {
        lists += 1;
        streamedList(answer);
        answer.write(lists <= 3 ? gone : added("done", "99"));
      },
    });
    const events = await until(named("done"));
    expect(events.filter((event) => event.type === "disrupted")).toHaveLength(2);
    expect(lists).toBe(4);
  });
});
