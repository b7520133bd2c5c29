import { setTimeout as delay } from "node:timers/promises";
import { expect, test } from "vitest";
import type { KubeClient, WatchEvent } from "#platform/kube/client.ts";
import type { NewObject } from "#platform/kube/resource.ts";
import { configMaps } from "#platform/kube/resources.ts";
import { createKubeClient, type KubeClientOptions } from "#platform/kube/rest.ts";
import { systemClock } from "#platform/process/clock.ts";
import { type FaultProxy, type FaultProxyOptions, startFaultProxy } from "#platform/simulator/fault-proxy.ts";
import { clientOf, connectionTo, newNamespace, sharedHarvester } from "#test/support/control-planes.ts";

interface Faulty extends AsyncDisposable {
  readonly proxy: FaultProxy;
  /** Straight to the API server. */
  readonly straight: KubeClient;
  /** Through the proxy. */
  readonly client: KubeClient;
  readonly namespace: string;
}

async function faulty(
  options: Partial<FaultProxyOptions> = {},
  tuning: Partial<KubeClientOptions> = {},
): Promise<Faulty> {
  const clock = systemClock();
  const plane = sharedHarvester();
  const straight = clientOf(plane);
  const proxy = await startFaultProxy({ upstream: plane, clock, ...options });
  const client = createKubeClient(proxy.through(connectionTo(plane, "capfn")), { clock, ...tuning });
  return {
    proxy,
    straight,
    client,
    namespace: await newNamespace(straight, "fault"),
    [Symbol.asyncDispose]: async () => {
      client.close();
      straight.close();
      await proxy.stop();
    },
  };
}

function configMap(namespace: string, name: string): NewObject {
  return { apiVersion: "v1", kind: "ConfigMap", metadata: { namespace, name }, data: { key: "value" } };
}

/** Follows a watch through the proxy, collecting events. */
function follow({ client, namespace }: Faulty) {
  const ending = new AbortController();
  const events: WatchEvent[] = [];
  const ended = (async () => {
    for await (const event of client.watch(configMaps, { namespace, signal: ending.signal }))
      events.push(event);
  })().catch(() => undefined);
  const names = () =>
    events.flatMap((event) =>
      event.type === "added" && event.object.metadata.name !== "kube-root-ca.crt"
        ? [event.object.metadata.name]
        : [],
    );
  const types = () => events.map(({ type }) => type);
  return {
    names,
    types,
    [Symbol.asyncDispose]: async () => {
      ending.abort();
      await ended;
    },
  };
}

test("calls without a rule go through under the caller's own name", async () => {
  await using each = await faulty();
  const { client, straight, namespace } = each;
  await client.create(configMaps, configMap(namespace, "one"));
  expect(await straight.get(configMaps, { namespace, name: "one" })).toMatchObject({
    data: { key: "value" },
  });
  await client.mergePatch(configMaps, { namespace, name: "one" }, { data: { key: "new" } });
  const listed: string[] = [];
  for await (const { metadata } of client.list(configMaps, { namespace })) listed.push(metadata.name);
  expect(listed).toContain("one");
});

test("a conflict can be made for the second write of one object only", async () => {
  await using each = await faulty({
    rules: [
      {
        match: { verb: "patch", resource: "configmaps", name: /^one$/ },
        fault: { kind: "status", code: 409 },
        occurrence: 2,
      },
    ],
  });
  const { client, straight, namespace } = each;
  const one = { namespace, name: "one" };
  for (const name of ["one", "two"]) await straight.create(configMaps, configMap(namespace, name));
  const write = (name: string) => client.mergePatch(configMaps, { namespace, name }, { data: { at: name } });
  await write("one");
  await expect(write("one")).rejects.toMatchObject({ reason: "conflict" });
  await write("one");
  await write("two");
  await write("two");
  expect(await straight.get(configMaps, one)).toMatchObject({ data: { at: "one" } });
});

test("a refusal by overload names the time to wait", async () => {
  await using each = await faulty();
  const { client, proxy, namespace } = each;
  const fault = { kind: "status", code: 429, retryAfterSeconds: 7 } as const;
  const remove = proxy.addRule({ match: { verb: "create" }, fault });
  await expect(client.create(configMaps, configMap(namespace, "one"))).rejects.toMatchObject({
    reason: "tooMany",
    retryAfterMs: 7_000,
  });
  remove();
  await client.create(configMaps, configMap(namespace, "one"));
});

test("a lost answer leaves the object there and the caller without knowledge of it", async () => {
  await using each = await faulty({
    rules: [{ match: { verb: "create", name: /^one$/ }, fault: { kind: "answer-lost" }, occurrence: 1 }],
  });
  const { client, straight, namespace } = each;
  await expect(client.create(configMaps, configMap(namespace, "one"))).rejects.toMatchObject({
    reason: "unavailable",
  });
  expect(await straight.get(configMaps, { namespace, name: "one" })).toBeDefined();
});

test("a dropped connection leaves nothing behind", async () => {
  await using each = await faulty({
    rules: [{ match: { verb: "create" }, fault: { kind: "dropped" }, occurrence: 1 }],
  });
  const { client, straight, namespace } = each;
  await expect(client.create(configMaps, configMap(namespace, "one"))).rejects.toMatchObject({
    reason: "unavailable",
  });
  expect(await straight.get(configMaps, { namespace, name: "one" })).toBeUndefined();
});

test("a black hole answers nobody until it is closed", async () => {
  await using each = await faulty();
  const { client, proxy, namespace } = each;
  const close = proxy.blackHole();
  const signal = AbortSignal.timeout(200);
  await expect(client.create(configMaps, configMap(namespace, "one"), { signal })).rejects.toThrow();
  close();
  await client.create(configMaps, configMap(namespace, "one"));
});

test("a slow call takes longer and succeeds", async () => {
  await using each = await faulty({
    rules: [{ match: { verb: "create" }, fault: { kind: "slow", ms: 200 } }],
  });
  const { client, namespace } = each;
  const started = performance.now();
  await client.create(configMaps, configMap(namespace, "one"));
  expect(performance.now() - started).toBeGreaterThan(190);
});

test("a watch that is cut goes on and misses nothing", async () => {
  await using each = await faulty();
  const { proxy, straight, namespace } = each;
  await using watch = follow(each);
  await expect.poll(() => watch.types()).toContain("synced");
  expect(proxy.cutWatches({ resource: "configmaps", namespace })).toBe(1);
  await straight.create(configMaps, configMap(namespace, "one"));
  await expect.poll(() => watch.names(), { timeout: 15_000 }).toEqual(["one"]);
});

test("a watch whose position has expired lists anew", async () => {
  await using each = await faulty();
  const { proxy, straight, namespace } = each;
  await using watch = follow(each);
  await expect.poll(() => watch.types()).toContain("synced");
  proxy.expireWatches({ namespace });
  await straight.create(configMaps, configMap(namespace, "one"));
  await expect
    .poll(() => watch.types().filter((type) => type === "relist"), { timeout: 15_000 })
    .toHaveLength(2);
  await expect.poll(() => watch.names(), { timeout: 15_000 }).toEqual(["one"]);
});

test("a frozen watch is silent, others are not, and thawed it brings what was held back", async () => {
  await using each = await faulty();
  const { proxy, straight, namespace } = each;
  await using watch = follow(each);
  await expect.poll(() => watch.types()).toContain("synced");
  const thaw = proxy.freezeWatches({ namespace });
  await straight.create(configMaps, configMap(namespace, "one"));
  await delay(200);
  expect(watch.names()).toEqual([]);
  expect(await each.client.get(configMaps, { namespace, name: "one" })).toBeDefined();
  thaw();
  await expect.poll(() => watch.names()).toEqual(["one"]);
});

test("what happens around a call can be arranged: the hooks are awaited before it is forwarded and before its answer is", async () => {
  const order: string[] = [];
  await using each = await faulty({
    onCall: async ({ verb, resource, name }) => {
      await delay(20);
      order.push(`${verb} ${resource} ${name}`);
    },
    onAnswer: async (_, code) => {
      await delay(20);
      order.push(`answered ${code}`);
    },
  });
  await each.client.create(configMaps, configMap(each.namespace, "one"));
  order.push("returned");
  expect(order).toEqual(["create configmaps one", "answered 201", "returned"]);
});

test("an API server that is gone looks like a closed connection", async () => {
  await using each = await faulty({ upstream: { server: "https://127.0.0.1:9" } });
  await expect(each.client.create(configMaps, configMap(each.namespace, "one"))).rejects.toMatchObject({
    reason: "unavailable",
  });
});
