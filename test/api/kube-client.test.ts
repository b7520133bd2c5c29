import { beforeAll, describe, expect, it, onTestFinished } from "vitest";

import type { KubeClient, WatchEvent } from "#platform/kube/client.ts";
import { harvesterMachines } from "#platform/kube/resources.ts";
import { configMaps, namespaces, secrets, services } from "#platform/kube/resources.ts";
import type { NewObject, ResourceType } from "#platform/kube/resource.ts";
import { clientOf, newNamespace, sharedManagement } from "#test/support/control-planes.ts";

let client: KubeClient;
let namespace = "";
beforeAll(async () => {
  client = clientOf(sharedManagement());
  namespace = await newNamespace(client, "kube");
  return () => client.close();
});

const manifest = (name: string, fields: Record<string, unknown> = {}): NewObject => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name, namespace },
  ...fields,
});

describe("a real API server", () => {
  it("creates, reads, replaces, patches and deletes", async () => {
    const created = await client.create(configMaps, manifest("crud", { data: { a: "1" } }));
    await expect(client.create(configMaps, manifest("crud"))).rejects.toMatchObject({
      reason: "alreadyExists",
    });
    const replaced = await client.replace(configMaps, { ...created, data: { a: "2" } });
    expect(replaced["data"]).toEqual({ a: "2" });
    await expect(client.replace(configMaps, { ...created, data: { a: "3" } })).rejects.toMatchObject({
      reason: "conflict",
    });
    const target = { namespace, name: "crud" };
    const merged = await client.mergePatch(
      configMaps,
      target,
      { data: { b: "2" } },
      { fieldManager: "test" },
    );
    expect(merged["data"]).toEqual({ a: "2", b: "2" });
    const stale = { metadata: { resourceVersion: created.metadata.resourceVersion }, data: { b: "3" } };
    await expect(client.mergePatch(configMaps, target, stale)).rejects.toMatchObject({ reason: "conflict" });
    const tested = (value: string) =>
      client.jsonPatch(configMaps, target, [
        { op: "test", path: "/data/a", value },
        { op: "remove", path: "/data/a" },
      ]);
    await expect(tested("1")).rejects.toMatchObject({ reason: "invalid" });
    expect((await tested("2"))["data"]).toEqual({ b: "2" });
    expect(await client.delete(configMaps, target, { uid: created.metadata.uid })).toBe(true);
    expect(await client.get(configMaps, target)).toBeUndefined();
    expect(await client.delete(configMaps, target, { uid: created.metadata.uid })).toBe(false);
  });

  it("does not delete a namesake", async () => {
    const first = await client.create(configMaps, manifest("namesake"));
    const target = { namespace, name: "namesake" };
    await client.delete(configMaps, target, { uid: first.metadata.uid });
    const second = await client.create(configMaps, manifest("namesake"));
    expect(await client.delete(configMaps, target, { uid: first.metadata.uid })).toBe(false);
    expect((await client.get(configMaps, target))?.metadata.uid).toBe(second.metadata.uid);
  });

  it("applies server-side, tells a conflict of owners, and refuses unknown fields", async () => {
    const apply = (data: Record<string, string>, fieldManager: string, force?: boolean) =>
      client.apply(configMaps, manifest("applied", { data }), { fieldManager, force });
    await apply({ a: "1" }, "one");
    await expect(apply({ a: "2" }, "two")).rejects.toMatchObject({ reason: "conflict" });
    expect((await apply({ a: "2" }, "two", true))["data"]).toEqual({ a: "2" });
    const service = {
      apiVersion: "v1",
      kind: "Service",
      metadata: { namespace, name: "applied" },
      spec: { prts: [] },
    };
    await expect(client.apply(services, service, { fieldManager: "one" })).rejects.toThrow(/prts/);
  });

  it("tells what is wrong with a ConfigMap without the API server's words, which may quote it", async () => {
    const wrong = client.apply(configMaps, manifest("applied", { dta: {} }), { fieldManager: "one" });
    await expect(wrong).rejects.toThrow(/patch configmaps .*: HTTP 5?\d\d: refused$/);
  });

  it("keeps managedFields over a replace without them", async () => {
    await client.apply(configMaps, manifest("owned", { data: { a: "1" } }), { fieldManager: "owner" });
    const target = { namespace, name: "owned" };
    const read = await client.get(configMaps, target);
    expect(read?.metadata).not.toHaveProperty("managedFields");
    await client.replace(configMaps, { ...read!, immutable: false });
    const changed = client.apply(configMaps, manifest("owned", { data: { a: "2" } }), {
      fieldManager: "other",
    });
    await expect(changed).rejects.toMatchObject({ reason: "conflict" });
  });

  it("patches the status subresource under a precondition", async () => {
    const service = await client.create(services, {
      apiVersion: "v1",
      kind: "Service",
      metadata: { name: "status", namespace },
      spec: { ports: [{ port: 80 }], type: "LoadBalancer" },
    });
    const target = { namespace, name: "status" };
    const patch = {
      metadata: { resourceVersion: service.metadata.resourceVersion },
      status: { loadBalancer: { ingress: [{ ip: "10.0.0.9", ipMode: "VIP" }] } },
      spec: { type: "ClusterIP" },
    };
    const patched = await client.mergePatch(services, target, patch, { subresource: "status" });
    expect(patched).toMatchObject({ spec: { type: "LoadBalancer" }, status: patch.status });
    const again = client.mergePatch(services, target, patch, { subresource: "status" });
    await expect(again).rejects.toMatchObject({ reason: "conflict", status: 409 });
  });

  it("deletes what carries all labels, and nothing else", async () => {
    const labelled = (name: string, owner: string) =>
      client.create(configMaps, { ...manifest(name), metadata: { name, namespace, labels: { owner } } });
    await Promise.all([labelled("mine-1", "u-1"), labelled("mine-2", "u-1"), labelled("other", "u-2")]);
    await client.deleteCollection(configMaps, { namespace, labels: { owner: "u-1" } });
    const left = await collect(client.list(configMaps, { namespace, labelSelector: "owner" }));
    expect(left.map((object) => object.metadata.name)).toEqual(["other"]);
  });

  it("tells a type that is not installed from an object that is absent", async () => {
    const unknown: ResourceType = { ...harvesterMachines, group: "nobody.example.org" };
    const read = client.get(unknown, { namespace, name: "x" });
    await expect(read).rejects.toMatchObject({ reason: "unavailable", status: 404, detail: "notServed" });
    expect(await client.get(harvesterMachines, { namespace, name: "x" })).toBeUndefined();
  });

  it("lists 1,200 objects over several pages without a gap or a duplicate", async () => {
    const many = await newNamespace(client, "pages");
    const next = Array.from({ length: 1_200 }, (_, n) => `m-${String(n).padStart(4, "0")}`);
    const expected = [...next];
    const worker = async (): Promise<void> => {
      for (let name = next.pop(); name !== undefined; name = next.pop()) {
        await client.create(configMaps, { ...manifest(name), metadata: { name, namespace: many } });
      }
    };
    await Promise.all(Array.from({ length: 8 }, worker));
    const objects = await collect(client.list(configMaps, { namespace: many }));
    const names = objects.map((object) => object.metadata.name).filter((name) => name.startsWith("m-"));
    expect(names).toEqual(expected);
    const { uid } = (await client.get(namespaces, { name: many }))!.metadata;
    await client.delete(namespaces, { name: many }, { uid });
  });

  it("never holds the content of Secrets in a metadata-only watch", async () => {
    const target = { namespace, name: "hidden" };
    const secret = { apiVersion: "v1", kind: "Secret", metadata: target, stringData: { token: "hunter2" } };
    const annotated = { ...secret, metadata: { ...target, annotations: { kept: "yes" } } };
    await client.apply(secrets, annotated, { fieldManager: "author" });
    const ending = new AbortController();
    onTestFinished(() => ending.abort());
    const events: WatchEvent[] = [];
    for await (const event of client.watch(secrets, {
      namespace,
      metadataOnly: true,
      signal: ending.signal,
    })) {
      events.push(event);
      if (event.type === "synced") {
        await client.mergePatch(
          secrets,
          target,
          { stringData: { token: "hunter3" } },
          { fieldManager: "rotator" },
        );
      }
      if (event.type === "modified") break;
    }
    expect(events.map((event) => event.type)).toEqual(["relist", "added", "synced", "modified"]);
    expect(events[1]).toMatchObject({
      object: { kind: "Secret", metadata: { annotations: { kept: "yes" } } },
    });
    expect(events[1]).not.toHaveProperty("object.data");
    expect(events[3]).not.toHaveProperty("object.data");
    expect(events[3]).toMatchObject({ manager: expect.stringMatching(/^(author|rotator)$/) });
  });
});

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}
