import { describe, expect, test } from "vitest";
import { rancherImport } from "#functions/harvester/rancher-import/function.ts";
import { KubeError } from "#platform/kube/errors.ts";
import { fleetClusters, rancherClusters } from "#platform/kube/resources.ts";
import { cluster } from "#test/support/cluster-objects.ts";
import { kubeError } from "#test/support/fake-api.ts";
import { clusterStage, type Loose } from "../cluster-stage.ts";

const CONDITION = "FleetIntegrationReady";
const labels = {
  "cluster-api.cattle.io/rancher-auto-import": "true",
  cni: "calico",
  "cloud-config": "harvester",
};
const asking = cluster({ metadata: { labels } });
const provisioning = (clusterName?: string) => ({
  apiVersion: "provisioning.cattle.io/v1",
  kind: "Cluster",
  metadata: { namespace: "demo", name: "demo" },
  status: { ...(clusterName !== undefined && { clusterName }) },
});
const rancher = (workspace?: string) => ({
  apiVersion: "management.cattle.io/v3",
  kind: "Cluster",
  metadata: { name: "c-m-1" },
  spec: { fleetWorkspaceName: workspace ?? "" },
});
const fleet = (namespace = "fleet-default", name = "c-m-1", more: Record<string, string> = {}) => ({
  apiVersion: "fleet.cattle.io/v1alpha1",
  kind: "Cluster",
  metadata: { namespace, name, labels: { theirs: "kept", ...more } },
});
const status = { ready: true };

function stageOf(management: readonly object[], over: Parameters<typeof clusterStage>[1] = {}) {
  return clusterStage([rancherImport], { cluster: asking, management, status, ...over });
}

const run = async (stage: ReturnType<typeof stageOf>): Promise<Loose> =>
  (await stage.world.run(rancherImport, ["demo"]))["demo"];

describe("the import into Rancher", () => {
  test("is not asked for by a Cluster without the label: the condition says so, and no request is made [check 50]", async () => {
    for (const value of [undefined, "false"]) {
      const given = value === undefined ? {} : { "cluster-api.cattle.io/rancher-auto-import": value };
      const stage = clusterStage([rancherImport], { cluster: cluster({ metadata: { labels: given } }) });
      await stage.world.run(rancherImport, ["demo"]);
      expect(stage.condition(CONDITION)).toBe("True/FleetIntegrationNotApplicable");
      expect(stage.deps.summary().filter((request) => !request.includes("harvesterclusters"))).toEqual([]);
      expect((await stage.world.evaluate(rancherImport, "demo")).need).toBe(false);
    }
  });

  test("waits until the cluster is ready", async () => {
    const stage = stageOf([], { status: { ready: false } });
    expect((await stage.world.evaluate(rancherImport, "demo")).need).toBe(false);
  });

  test("puts the cluster into the default workspace and labels it for Fleet [check 50]", async () => {
    const stage = stageOf([provisioning("c-m-1"), rancher(), fleet()]);
    await run(stage);
    const { management } = stage.deps;
    expect(management.peek(rancherClusters, { name: "c-m-1" })).toMatchObject({
      spec: { fleetWorkspaceName: "fleet-default" },
    });
    const at = { namespace: "fleet-default", name: "c-m-1" };
    expect(management.peek(fleetClusters, at)?.metadata.labels).toEqual({
      theirs: "kept",
      "cluster.x-k8s.io/cluster-name": "demo",
      cni: "calico",
      "cloud-config": "harvester",
    });
    expect(stage.condition(CONDITION)).toBe("True/FleetIntegrationReady");
    const before = stage.deps.requests.length;
    await run(stage);
    const more = stage.deps.summary().slice(before);
    expect(more.filter((request) => !request.includes(" get "))).toEqual([]);
  });

  test("leaves a workspace that somebody chose, and finds Fleet's cluster there, by either name", async () => {
    const named = { "management.cattle.io/cluster-name": "c-m-1" };
    const stage = stageOf([provisioning("c-m-1"), rancher("mine"), fleet("mine", "demo", named)]);
    await run(stage);
    expect(stage.condition(CONDITION)).toBe("True/FleetIntegrationReady");
    expect(stage.deps.summary()).not.toContain("management mergePatch clusters c-m-1");
  });

  test.each([
    ["another cluster's", { "management.cattle.io/cluster-name": "c-m-2" }],
    ["nobody's", {}],
  ])("leaves a cluster of Fleet alone that has the Cluster's name and is %s", async (_whose, more) => {
    const stage = stageOf([provisioning("c-m-1"), rancher("mine"), fleet("mine", "demo", more)]);
    expect(await run(stage)).toMatchObject({ kind: "requeueAfter", afterMs: 60_000 });
    expect(stage.condition(CONDITION)).toBe("False/FleetIntegrationInProgress");
    expect(stage.message(CONDITION)).toContain("management.cattle.io/cluster-name: c-m-1");
    const found = stage.deps.management.peek(fleetClusters, { namespace: "mine", name: "demo" });
    expect(found?.metadata.labels).toEqual({ theirs: "kept", ...more });
  });

  test.each([
    ["its cluster in Rancher", [], /cluster demo\/demo of provisioning.cattle.io does not exist/],
    ["a name in Rancher", [provisioning()], /has no name in Rancher yet/],
    [
      "Rancher's own cluster",
      [provisioning("c-m-1")],
      /cluster c-m-1 of management.cattle.io does not exist/,
    ],
    [
      "Fleet's cluster",
      [provisioning("c-m-1"), rancher()],
      /cluster c-m-1 of fleet.cattle.io does not exist in namespace fleet-default/,
    ],
  ])("says that it waits for %s, and looks again after a minute", async (_what, objects, message) => {
    const stage = stageOf(objects);
    expect(await run(stage)).toMatchObject({ kind: "requeueAfter", afterMs: 60_000 });
    expect(stage.condition(CONDITION)).toBe("False/FleetIntegrationInProgress");
    expect(stage.message(CONDITION)).toMatch(message);
  });

  test("says that Rancher is not installed, and looks seldom", async () => {
    const stage = stageOf([]);
    const notServed = new KubeError({
      reason: "unavailable",
      detail: "notServed",
      dependency: "management",
      message: "404",
    });
    stage.deps.management.failOn({ verb: "get", plural: "clusters" }, notServed);
    expect(await run(stage)).toMatchObject({ kind: "requeueAfter", afterMs: 3_600_000 });
    expect(stage.message(CONDITION)).toContain("Rancher is not installed on this management cluster");
  });

  test("says which rights are missing", async () => {
    const stage = stageOf([]);
    stage.deps.management.failOn({ verb: "get", plural: "clusters" }, kubeError("forbidden", "management"));
    await run(stage);
    expect(stage.condition(CONDITION)).toBe("False/FleetIntegrationFailed");
    expect(stage.message(CONDITION)).toContain("grant the rights");
  });
});
