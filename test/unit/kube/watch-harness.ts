import type { ServerResponse } from "node:http";

import { onTestFinished } from "vitest";

import type { WatchEvent, WatchOptions } from "#platform/kube/client.ts";
import { configMaps } from "#platform/kube/resources.ts";
import type { ResourceType } from "#platform/kube/resource.ts";
import { createKubeClient } from "#platform/kube/rest.ts";
import type { KubeClientOptions } from "#platform/kube/rest.ts";
import {
  configMap,
  listEnd,
  sendLines,
  sendStatus,
  startFaultServer,
  watchLine,
} from "#test/support/fault-server.ts";
import type { SeenRequest } from "#test/support/fault-server.ts";
import { fastClock } from "./test-clocks.ts";

export interface Steps {
  /** A streamed list; by default `a` at version 10. Undefined: the API server does not stream lists. */
  list?: ((answer: ServerResponse, request: SeenRequest) => unknown) | undefined;
  page?: (answer: ServerResponse, request: SeenRequest, n: number) => unknown;
  /** The n-th watch from a version, from 1. Beyond the last the watch stays open and silent. */
  watches?: ((answer: ServerResponse, request: SeenRequest) => unknown)[];
}

export const streamedList = (answer: ServerResponse): void =>
  sendLines(answer, watchLine("ADDED", configMap("a", "7")), listEnd("10"));

export async function start(steps: Steps, options: Partial<KubeClientOptions> = {}) {
  let watches = 0;
  let pages = 0;
  const server = await startFaultServer(async (request, answer) => {
    if (request.query.get("watch") !== "true") {
      pages += 1;
      await steps.page?.(answer, request, pages);
      return;
    }
    if (request.query.has("sendInitialEvents")) {
      if ("list" in steps && steps.list === undefined) {
        sendStatus(answer, 422, { reason: "Invalid", message: "sendInitialEvents is forbidden" });
      } else {
        (
          steps.list ??
          ((stream) => {
            streamedList(stream);
            stream.end();
          })
        )(answer, request);
      }
      return;
    }
    watches += 1;
    const step = steps.watches?.[watches - 1];
    if (step === undefined) sendLines(answer);
    else await step(answer, request);
  });
  const clock = fastClock(100);
  const client = createKubeClient(server.config, { clock, random: () => 0.5, ...options });
  const ending = new AbortController();
  onTestFinished(async () => {
    ending.abort();
    client.close();
    await server.close();
  });
  /** Events until one satisfies `last`. */
  const until = async (
    last: (event: WatchEvent) => boolean,
    type: ResourceType = configMaps,
    watched: Partial<WatchOptions> = {},
  ): Promise<WatchEvent[]> => {
    const events: WatchEvent[] = [];
    for await (const event of client.watch(type, { signal: ending.signal, ...watched })) {
      events.push(event);
      if (last(event)) break;
    }
    return events;
  };
  return { server, client, clock, ending, until };
}

export const named = (name: string) => (event: WatchEvent) =>
  "object" in event && event.object.metadata.name === name;

export function summary(events: WatchEvent[]): string[] {
  return events.map((event) => {
    if ("object" in event) return `${event.type} ${event.object.metadata.name}`;
    if ("resourceVersion" in event) return `${event.type} ${event.resourceVersion}`;
    return event.type;
  });
}

export const send =
  (...lines: string[]) =>
  (answer: ServerResponse) => {
    sendLines(answer, ...lines);
    answer.end();
  };
export const added = (name: string, version: string): string => watchLine("ADDED", configMap(name, version));
export const done = send(added("done", "99"));
export const versions = (requests: SeenRequest[]) =>
  requests.map((request) => request.query.get("resourceVersion"));
export const gone = watchLine("ERROR", { kind: "Status", code: 410, reason: "Expired", message: "too old" });
