import { describe, expect, it } from "vitest";
import { watchFilterLabel } from "#api/names.ts";
import { isOwn, scopesIn } from "#events/hub/shard.ts";
import { projectionOf } from "#events/hub/projection.ts";
import { MANAGEMENT } from "#platform/kube/view.ts";
import { settle } from "#test/support/fake-clock.ts";
import { hubBench, widget, widgetView } from "#test/support/hub-bench.ts";

function labelled(version: string, value?: string) {
  const object = widget({ name: "a", version, want: 1, have: 0 });
  if (value === undefined) return object;
  return { ...object, metadata: { ...object.metadata, labels: { [watchFilterLabel]: value } } };
}

describe("a hub with --watch-filter", () => {
  it("acts for objects with its label, and knows the others", async () => {
    const bench = hubBench({ shard: { watchFilter: "blue" } });
    await bench.list(labelled("5", "green"));
    expect(bench.hub.index.size).toBe(1);
    expect(bench.runs).toEqual([]);
    await bench.see(labelled("6", "blue"));
    expect(bench.runs).toHaveLength(1);
  });

  it("leaves an object without any label alone", async () => {
    const bench = hubBench({ shard: { watchFilter: "blue" } });
    await bench.list(labelled("5"));
    expect(bench.runs).toEqual([]);
  });

  it("lets go of an object whose label moves on, with all it had to do for it, and takes it up again", async () => {
    const bench = hubBench({ shard: { watchFilter: "blue" }, policy: { maxInFlight: 0 } });
    await bench.list(labelled("5", "blue"));
    expect(bench.hub.figures().queued).toBe(1);
    await bench.see(labelled("6", "green"));
    expect(bench.hub.figures()).toMatchObject({ queued: 0, timers: 0 });
    await bench.see(labelled("7", "blue"));
    expect(bench.hub.figures().queued).toBe(1);
  });

  it("remembers nothing of a step that ends after the object has moved on", async () => {
    const bench = hubBench({ shard: { watchFilter: "blue" } });
    await bench.list(labelled("5", "blue"));
    await bench.see(labelled("6", "green"));
    await bench.runs[0]!.answer({ kind: "requeueAfter", afterMs: 1_000, reason: "Later" });
    await settle();
    await bench.clock.advance(60_000);
    expect(bench.runs).toHaveLength(1);
    expect(bench.hub.figures()).toMatchObject({ queued: 0, timers: 0, inFlight: 0 });
  });
});

describe("a hub with --namespace", () => {
  const namespaces = ["team-a", "team-b"];

  it("acts for objects of its namespaces only", () => {
    const entry = projectionOf(widgetView, MANAGEMENT, labelled("5"));
    expect(isOwn({ namespaces: ["default"] }, entry)).toBe(true);
    expect(isOwn({ namespaces }, entry)).toBe(false);
  });

  it("lists nothing over all namespaces of the management cluster", () => {
    expect(scopesIn({ namespaces }, widgetView, MANAGEMENT, undefined)).toEqual([
      { connection: MANAGEMENT, namespace: "team-a" },
      { connection: MANAGEMENT, namespace: "team-b" },
    ]);
    expect(scopesIn({ namespaces }, widgetView, MANAGEMENT, "shared")).toEqual([
      { connection: MANAGEMENT, namespace: "shared" },
    ]);
    expect(scopesIn({ namespaces }, widgetView, "harvester/a/b", "vms")).toEqual([
      { connection: "harvester/a/b", namespace: "vms" },
    ]);
  });

  it("judges what rests on all its namespaces when the last of them is listed", async () => {
    const shard = { namespaces: ["default", "team-b"] };
    const bench = hubBench({
      shard,
      scopesOf: (view, connection, namespace) => scopesIn(shard, view, connection, namespace),
    });
    const { hub } = bench;
    await hub.start();
    const list = (namespace: string) => {
      const scope = { connection: MANAGEMENT, namespace };
      hub.receive(widgetView, scope, { type: "relist", reason: "start" });
      hub.receive(widgetView, scope, { type: "synced", resourceVersion: "100" });
    };
    list("default");
    expect(hub.index.listed(widgetView, { connection: MANAGEMENT })).toBe(false);
    list("team-b");
    expect(hub.index.listed(widgetView, { connection: MANAGEMENT })).toBe(true);
  });
});
