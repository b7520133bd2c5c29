import { describe, expect, it, onTestFinished } from "vitest";

import type { KubeClient, WatchEvent } from "#platform/kube/client.ts";
import { configMaps } from "#platform/kube/resources.ts";
import { createKubeClient } from "#platform/kube/rest.ts";
import { systemClock } from "#platform/process/clock.ts";
import {
  clientOf,
  newNamespace,
  privateControlPlane,
  sharedManagement,
} from "#test/support/control-planes.ts";

/** Follows the ConfigMaps of a namespace as an index would. */
function follow(client: KubeClient, namespace: string, notOlderThan?: string) {
  const ending = new AbortController();
  onTestFinished(() => ending.abort());
  const events: WatchEvent[] = [];
  let next = new Map<string, unknown>();
  const index = { objects: new Map<string, unknown>(), synced: false };
  void (async () => {
    const watched = { namespace, notOlderThan, signal: ending.signal };
    for await (const event of client.watch(configMaps, watched)) {
      events.push(event);
      const objects = index.synced ? index.objects : next;
      if (event.type === "relist") {
        next = new Map();
        index.synced = false;
      } else if (event.type === "synced") {
        Object.assign(index, { objects: next, synced: true });
      } else if (event.type === "deleted") objects.delete(event.object.metadata.name);
      else if ("object" in event) objects.set(event.object.metadata.name, event.object["data"] ?? {});
    }
  })();
  const shown = () => Object.fromEntries([...index.objects].filter(([name]) => name !== "kube-root-ca.crt"));
  return { events, shown, index };
}

const create = (client: KubeClient, namespace: string, name: string, data: Record<string, string> = {}) =>
  client.create(configMaps, { apiVersion: "v1", kind: "ConfigMap", metadata: { namespace, name }, data });

describe("a watch on a real API server", () => {
  it("streams the list in one request and follows changes", async () => {
    const verbs: string[] = [];
    const plane = sharedManagement();
    const admin = clientOf(plane);
    onTestFinished(() => admin.close());
    const namespace = await newNamespace(admin, "watch");
    const first = await create(admin, namespace, "a", { x: "1" });
    const client = createKubeClient(
      { connection: "m", server: plane.server, caPem: plane.caPem, token: plane.tokens.capfn },
      { clock: systemClock(), onRequest: (info) => verbs.push(`${info.verb} ${info.status}`) },
    );
    onTestFinished(() => client.close());
    const { shown, index, events } = follow(client, namespace, first.metadata.resourceVersion);
    await expect.poll(() => index.synced, { timeout: 20_000 }).toBe(true);
    expect(shown()).toEqual({ a: { x: "1" } });
    await create(admin, namespace, "b");
    await admin.mergePatch(
      configMaps,
      { namespace, name: "a" },
      { data: { x: "2" } },
      { fieldManager: "foreign" },
    );
    await expect.poll(shown).toEqual({ a: { x: "2" }, b: {} });
    expect(events.find((event) => event.type === "modified")).toMatchObject({ manager: "foreign" });
    await admin.delete(configMaps, { namespace, name: "a" }, { uid: first.metadata.uid });
    await expect.poll(shown).toEqual({ b: {} });
    expect(verbs).toEqual(["watch 200"]);
  });

  it("waits while the API server has not yet seen the version asked for", async () => {
    const admin = clientOf(sharedManagement());
    onTestFinished(() => admin.close());
    const namespace = await newNamespace(admin, "ahead");
    const { metadata } = await create(admin, namespace, "a");
    const ahead = String(BigInt(metadata.resourceVersion) + 1_000_000n);
    const { events } = follow(admin, namespace, ahead);
    await expect.poll(() => events.length, { timeout: 20_000 }).toBeGreaterThan(0);
    expect(events[0]).toMatchObject({ type: "disrupted", error: { detail: "versionTooLarge" } });
  });

  it("survives a restart of the API server without losing a change", async () => {
    await using plane = await privateControlPlane({ name: "restart" });
    const client = createKubeClient(plane.clientConfig, { clock: systemClock() });
    onTestFinished(() => client.close());
    const namespace = await newNamespace(client, "restart");
    const doomed = await create(client, namespace, "doomed");
    await create(client, namespace, "kept", { x: "1" });
    const { shown, events, index } = follow(client, namespace);
    await expect.poll(shown, { timeout: 20_000 }).toEqual({ doomed: {}, kept: { x: "1" } });
    await plane.apiServer.kill();
    await expect.poll(() => events.at(-1)?.type, { timeout: 10_000 }).toBe("disrupted");
    await plane.apiServer.start();
    await client.delete(configMaps, { namespace, name: "doomed" }, { uid: doomed.metadata.uid });
    await create(client, namespace, "new");
    await expect.poll(shown, { timeout: 60_000 }).toEqual({ kept: { x: "1" }, new: {} });
    expect(index.synced).toBe(true);
  });
});

describe("a watch under faults of a real API server", () => {
  it("takes a paged list, not older than asked for, where lists are not streamed", async () => {
    await using plane = await privateControlPlane({
      name: "paged",
      extraFlags: { "feature-gates": "WatchList=false" },
    });
    const answers: string[] = [];
    const client = createKubeClient(plane.clientConfig, {
      clock: systemClock(),
      onRequest: ({ verb, status }) => answers.push(`${verb} ${status}`),
    });
    onTestFinished(() => client.close());
    const namespace = await newNamespace(client, "paged");
    const { metadata } = await create(client, namespace, "a", { x: "1" });
    answers.length = 0;
    const { shown } = follow(client, namespace, metadata.resourceVersion);
    await expect.poll(shown, { timeout: 20_000 }).toEqual({ a: { x: "1" } });
    await create(client, namespace, "b");
    await expect.poll(shown).toEqual({ a: { x: "1" }, b: {} });
    // Whether the answer to the creation comes before that of the watch is anybody's guess.
    const ofWatch = answers.filter((answer) => !answer.startsWith("create"));
    expect(ofWatch.slice(0, 3).toSorted()).toEqual(["list 200", "watch 200", "watch 422"]);
  });

  it("notices that a frozen API server is silent and resumes when it answers again", async () => {
    await using plane = await privateControlPlane({ name: "frozen" });
    const client = createKubeClient(plane.clientConfig, {
      clock: systemClock(),
      timeoutMs: 2_000,
      watch: { silenceMs: 3_000 },
    });
    onTestFinished(() => client.close());
    const namespace = await newNamespace(client, "frozen");
    const { shown, index, events } = follow(client, namespace);
    await expect.poll(() => index.synced, { timeout: 20_000 }).toBe(true);
    plane.apiServer.suspend();
    onTestFinished(() => plane.apiServer.resume());
    await expect.poll(() => events.at(-1)?.type, { timeout: 10_000 }).toBe("disrupted");
    plane.apiServer.resume();
    await create(client, namespace, "after");
    await expect.poll(shown, { timeout: 60_000 }).toEqual({ after: {} });
    expect(events.filter((event) => event.type === "relist")).toHaveLength(1);
  });
});
