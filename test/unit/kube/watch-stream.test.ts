import { describe, expect, it } from "vitest";

import type { WatchEvent } from "#platform/kube/client.ts";
import { configMaps, secrets } from "#platform/kube/resources.ts";
import { configMap, listEnd, sendLines, sendStatus, watchLine } from "#test/support/fault-server.ts";
import { added, done, named, send, start, streamedList, summary } from "./watch-harness.ts";

describe("the stream", () => {
  it("keeps characters whole that a chunk border cuts", async () => {
    const line = Buffer.from(watchLine("ADDED", configMap("b", "11", { data: { text: "größe €10 🚀" } })));
    const { until } = await start({
      watches: [
        async (answer) => {
          sendLines(answer);
          for (const byte of line) {
            answer.write(Buffer.of(byte));
            await new Promise((resolve) => setImmediate(resolve));
          }
          answer.write(watchLine("DELETED", configMap("done", "12")));
        },
      ],
    });
    const events = await until(named("done"));
    expect(summary(events).slice(3)).toEqual(["added b", "deleted done"]);
    expect(events[3]).toMatchObject({ object: { data: { text: "größe €10 🚀" } } });
  });

  it("lets the consumer's exception through and closes the connection", async () => {
    let closed = false;
    const { client, ending } = await start({
      list: (answer) => {
        answer.on("close", () => (closed = true));
        streamedList(answer);
      },
    });
    const consume = async () => {
      for await (const event of client.watch(configMaps, { signal: ending.signal })) {
        if (event.type === "synced") throw new Error("mine");
      }
    };
    await expect(consume()).rejects.toThrow("mine");
    await expect.poll(() => closed).toBe(true);
  });

  it("pauses the server while the consumer is slow, and does not take that for silence", async () => {
    const filler = "x".repeat(64 * 1024);
    let written = 0;
    const { client, ending } = await start(
      {
        list: (answer) => {
          streamedList(answer);
          const write = (): void => {
            while (written < 400 && !answer.destroyed) {
              written += 1;
              const more = answer.write(
                added(`m-${written}`, String(10 + written)).replace('"demo"', `"demo","x":"${filler}"`),
              );
              if (!more) {
                answer.once("drain", write);
                return;
              }
            }
          };
          write();
        },
      },
      { watch: { silenceMs: 60_000 } },
    );
    const seen: string[] = [];
    for await (const event of client.watch(configMaps, { signal: ending.signal })) {
      expect(event.type).not.toBe("disrupted");
      if (event.type === "synced") {
        await new Promise((resolve) => setTimeout(resolve, 1_200));
        expect(written).toBeLessThan(400);
      }
      if ("object" in event) seen.push(event.object.metadata.name);
      if (seen.at(-1) === "m-400") break;
    }
    expect(seen).toHaveLength(401);
  });

  it("ends, without an event, when its signal aborts or the client is closed, also while it waits", async () => {
    const { client, ending } = await start({ watches: [(answer) => sendStatus(answer, 503)] });
    const first: WatchEvent[] = [];
    for await (const event of client.watch(configMaps, { signal: ending.signal })) {
      first.push(event);
      if (event.type === "disrupted") ending.abort();
    }
    expect(first.at(-1)?.type).toBe("disrupted");
    const second: WatchEvent[] = [];
    for await (const event of client.watch(configMaps, { signal: new AbortController().signal })) {
      second.push(event);
      if (event.type === "synced") setTimeout(() => client.close(), 20);
    }
    expect(second.at(-1)?.type).toBe("synced");
  });

  it("holds no content of a metadata-only watch, even when the server sends it", async () => {
    const metadata = {
      ...(configMap("s", "7")["metadata"] as object),
      annotations: { "kubectl.kubernetes.io/last-applied-configuration": "hunter2", kept: "yes" },
      managedFields: [
        { manager: "old", time: "2026-01-01T00:00:00Z" },
        { manager: "rotator", time: "2026-02-01T00:00:00Z" },
      ],
    };
    const secret = { kind: "Secret", apiVersion: "v1", metadata, data: { token: "hunter2" } };
    const { server, until } = await start({
      list: send(watchLine("ADDED", secret), listEnd("10")),
      watches: [done],
    });
    const events = await until(named("s"), secrets, { metadataOnly: true });
    expect(JSON.stringify(events)).not.toContain("hunter2");
    expect(events[1]).toMatchObject({
      manager: "rotator",
      object: { kind: "Secret", apiVersion: "v1", metadata: { annotations: { kept: "yes" } } },
    });
    expect(server.requests[0]?.headers.accept).toBe(
      "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1",
    );
  });
});
