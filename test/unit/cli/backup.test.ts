import { expect, test } from "vitest";
import { collect } from "#cli/backup/collect.ts";
import { planRestore } from "#cli/restore/plan.ts";
import { harvesterConnections } from "#cli/takeover/connections.ts";
import { CLOUD_RECORD_PREFIX } from "#platform/cluster-api/cloud-config-record.ts";
import type { KubeClient } from "#platform/kube/client.ts";
import { apiVersionOf, type KubeObject, type ResourceType } from "#platform/kube/resource.ts";
import {
  configMaps,
  customResourceDefinitions,
  harvesterClusters,
  harvesterIpPools,
  ipPools,
  secrets,
} from "#platform/kube/resources.ts";
import { FakeApi } from "#test/support/fake-api.ts";

const objectOf = (type: ResourceType, name: string, rest: object = {}) => {
  const { metadata, ...more } = { metadata: {}, ...rest };
  return {
    apiVersion: apiVersionOf(type),
    kind: type.kind,
    metadata: { namespace: "demo", name, uid: `${type.kind}-${name}`, resourceVersion: "1", ...metadata },
    ...more,
  };
};

const usable = Buffer.from(
  JSON.stringify({
    "current-context": "a",
    contexts: [{ name: "a", context: { cluster: "a", user: "a" } }],
    clusters: [{ name: "a", cluster: { server: "https://harvester.example" } }],
    users: [{ name: "a", user: { token: "t" } }],
  }),
).toString("base64");

/** A management cluster with a cluster, and an IPPool whose Secret stands beside it. */
function stage({ kubeconfig = usable }: { kubeconfig?: string | undefined } = {}) {
  const management = new FakeApi("management", { requests: [], faultAt: () => undefined });
  for (const { group, version, kind, plural } of [harvesterClusters, harvesterIpPools]) {
    const versions = [{ name: version, served: true, storage: true }];
    const spec = { group, scope: "Namespaced", names: { kind, plural }, versions };
    management.put(
      objectOf(customResourceDefinitions, `${plural}.${group}`, { metadata: { namespace: undefined }, spec }),
    );
  }
  const config = { manifestsConfigMapNamespace: "addons", manifestsConfigMapName: "manifests" };
  const identitySecret = { namespace: "fleet", name: "one" };
  management.put(
    objectOf(harvesterClusters, "c", { spec: { identitySecret, updateCloudProviderConfig: config } }),
  );
  management.put(
    objectOf(harvesterIpPools, "p", { spec: { identitySecret: { name: "two" }, poolName: "p" } }),
  );
  management.put(
    objectOf(secrets, "one", { metadata: { namespace: "fleet" }, data: { kubeconfig: usable } }),
  );
  management.put(objectOf(secrets, "two", { data: kubeconfig === "" ? {} : { kubeconfig } }));
  management.put(objectOf(configMaps, "manifests", { metadata: { namespace: "addons" } }));
  const annotations = { [`${CLOUD_RECORD_PREFIX}u-1`]: "{}" };
  management.put(objectOf(configMaps, "cloud-config", { metadata: { annotations } }));
  management.put(objectOf(configMaps, "calico-addon"));
  return management;
}

async function collected(management: FakeApi, withSecrets: boolean) {
  const harvester = new FakeApi("harvester", { requests: [], faultAt: () => undefined });
  harvester.put(objectOf(ipPools, "vms", { metadata: { namespace: undefined } }));
  const client = management as unknown as KubeClient;
  const connections = harvesterConnections(client, () => harvester as unknown as KubeClient);
  const { files, leftOut } = await collect(client, {
    namespace: undefined,
    withSecrets,
    harvester: (identity) => connections.harvester(identity),
  });
  const names = Object.fromEntries(
    files.map(({ file, objects }) => [
      file,
      objects.map(({ metadata }) => `${metadata.namespace ?? ""}/${metadata.name}`).toSorted(),
    ]),
  );
  return { names, leftOut };
}

test("without Secrets the ConfigMaps with credentials of the cloud provider are left out and named", async () => {
  const { names, leftOut } = await collected(stage(), false);
  expect(names["addon-configmaps.yaml"]).toEqual(["demo/calico-addon"]);
  expect(leftOut.toSorted()).toEqual([
    "ConfigMap addons/manifests: the credentials of a cloud provider are in it",
    "ConfigMap demo/cloud-config: the credentials of a cloud provider are in it",
  ]);
});

test("with Secrets those ConfigMaps are in it", async () => {
  const { names, leftOut } = await collected(stage(), true);
  expect(names["addon-configmaps.yaml"]).toEqual([
    "addons/manifests",
    "demo/calico-addon",
    "demo/cloud-config",
  ]);
  expect(leftOut).toEqual([]);
});

test("the identity Secret of a HarvesterIPPool is taken from the namespace of the pool", async () => {
  const { names } = await collected(stage(), true);
  expect(names["identity-secrets.yaml"]).toEqual(["demo/two", "fleet/one"]);
});

test("an identity Secret without a kubeconfig costs the IPPools of its Harvester, and nothing else", async () => {
  const { names, leftOut } = await collected(stage({ kubeconfig: "" }), true);
  expect(leftOut).toEqual([
    "IPPools of the Harvester of Secret demo/two: identity Secret demo/two is absent or has no key kubeconfig; restore it",
  ]);
  expect(names["harvester-ippools.fleet.one.yaml"]).toEqual(["/vms"]);
  expect(names["identity-secrets.yaml"]).toEqual(["demo/two", "fleet/one"]);
});

const manifest = {
  format: 1 as const,
  version: "0",
  createdAt: "2026-11-21T12:00:00Z",
  cluster: "u",
  secrets: false,
  files: [],
  deleting: [],
  leftOut: ["ConfigMap demo/cloud-config: why"],
};

test("a restore asks for the identity Secret of a HarvesterIPPool, and tells what the backup left out", async () => {
  const spec = { identitySecret: { name: "two" }, poolName: "p" };
  const pool: KubeObject = objectOf(harvesterIpPools, "p", { spec });
  const backup = {
    manifest,
    files: [{ file: "pools.yaml", type: harvesterIpPools, objects: [pool], restore: true }],
  };
  const empty = new FakeApi("management", { requests: [], faultAt: () => undefined });
  const { problems, notes } = await planRestore(empty, backup);
  expect(problems).toEqual(["identity Secret demo/two is neither in the backup nor here; create it first"]);
  expect(notes).toContain("not in the backup: ConfigMap demo/cloud-config: why");
  const there = await planRestore(stage(), backup);
  expect(there.problems.filter((problem) => problem.startsWith("identity"))).toEqual([]);
});
