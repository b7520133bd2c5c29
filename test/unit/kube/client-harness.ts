import { onTestFinished, expect } from "vitest";

import type { RequestInfo } from "#platform/kube/api-request.ts";
import { KubeError } from "#platform/kube/errors.ts";
import { createKubeClient } from "#platform/kube/rest.ts";
import type { KubeClientOptions } from "#platform/kube/rest.ts";
import { startFaultServer } from "#test/support/fault-server.ts";
import type { Script } from "#test/support/fault-server.ts";
import { fastClock } from "./test-clocks.ts";

/** A client and the server it talks to, both closed with the test. Time runs a hundred times as fast. */
export async function start(script: Script, options: Partial<KubeClientOptions> = {}) {
  const server = await startFaultServer(script);
  onTestFinished(() => server.close());
  const clock = fastClock(100);
  const infos: RequestInfo[] = [];
  const make = (config = server.config) => {
    const client = createKubeClient(config, { clock, onRequest: (info) => infos.push(info), ...options });
    onTestFinished(() => client.close());
    return client;
  };
  return { server, clock, infos, make, client: make() };
}

export const name = { namespace: "demo", name: "a" };

export const absent: [number, Record<string, unknown>] = [
  404,
  { reason: "NotFound", message: 'configmaps "a" not found' },
];

export async function failure(promise: Promise<unknown>): Promise<KubeError> {
  const error = await promise.then(
    () => new Error("it succeeded"),
    (cause: unknown) => cause,
  );
  expect(error).toBeInstanceOf(KubeError);
  return error as KubeError;
}

/** Destroys the connection without an answer. */
export const reset: Script = (_request, answer) => void answer.socket?.destroy();
