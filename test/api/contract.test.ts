import { expect, test } from "vitest";
import { harvesterClusters, harvesterMachineTemplates } from "#platform/kube/resources.ts";
import { eyes, noEndpoint } from "#test/api/cluster-eyes.ts";
import { expectSound, faultStage } from "#test/api/faults/stage.ts";
import * as manifests from "#test/chaos/manifests.ts";
import type { Play } from "#test/chaos/trial.ts";
import { machineSpec } from "#test/support/cluster-objects.ts";

const stage = faultStage();
const LONG = { timeout: 120_000 };
/** Who applies for a Cluster with a ClusterClass. */
const topology = { fieldManager: "capi-topology" };

/** Takes the place of the HarvesterCluster that was prepared, before anybody has looked at it. */
async function withoutCluster({ names, actor }: Play) {
  const { M } = actor.theatre.clients;
  const at = { namespace: names.namespace, name: names.cluster };
  const prepared = await M.get(harvesterClusters, at);
  await M.delete(harvesterClusters, at, { uid: prepared?.metadata.uid ?? "" });
  return { M, at, owner: prepared?.metadata.ownerReferences?.[0]?.uid ?? "" };
}

test(
  "what the topology controller applies stays its own: it changes and applies again without a conflict, and keeps what capfn adds",
  LONG,
  async () => {
    await using play = stage.open();
    const { actor, lives, names } = play;
    const look = eyes(play);
    await actor.prepare([], { cluster: noEndpoint });
    const { M, at, owner } = await withoutCluster(play);
    const wanted = manifests.harvesterCluster(names, owner, noEndpoint);
    await M.apply(harvesterClusters, wanted, topology);
    await lives.start();
    await look.ready();
    const endpoint = look.endpoint();
    const changed = manifests.harvesterCluster(names, owner, {
      ...noEndpoint,
      loadBalancerConfig: { ipamType: "dhcp", description: "by the class" },
    });
    const labels = { "cluster.x-k8s.io/cluster-name": names.cluster, "topology.cluster.x-k8s.io/owned": "" };
    const again = { ...changed, metadata: { ...changed.metadata, labels } };
    await M.apply(harvesterClusters, again, { ...topology, dryRun: true });
    expect(await M.get(harvesterClusters, at)).not.toMatchObject({ metadata: { labels } });
    const applied = await M.apply(harvesterClusters, again, topology);
    expect(applied).toMatchObject({
      metadata: { labels, finalizers: ["harvester.infrastructure.cluster.x-k8s.io/finalizer"] },
      spec: { controlPlaneEndpoint: { host: endpoint }, loadBalancerConfig: { description: "by the class" } },
    });
    expect(applied["spec"]).toHaveProperty("server");

    const name = `${names.cluster}-workers`;
    const template = {
      apiVersion: "infrastructure.cluster.x-k8s.io/v1beta1",
      kind: "HarvesterMachineTemplate",
      metadata: { name, namespace: names.namespace },
      spec: { template: { metadata: { labels: { tier: "edge" } }, spec: machineSpec } },
    };
    await M.apply(harvesterMachineTemplates, template, topology);
    await expect
      .poll(() => M.get(harvesterMachineTemplates, { namespace: names.namespace, name }), { timeout: 30_000 })
      .toMatchObject({
        spec: { template: { metadata: { labels: { tier: "edge" } } } },
        status: { capacity: { cpu: "2", memory: "4Gi" }, nodeInfo: { architecture: "amd64" } },
      });
    await M.apply(harvesterMachineTemplates, template, topology);
    await play.rest();
    expectSound(play);
  },
);

test(
  "an externally managed cluster is not touched, keeps what the other system filled in, and its machines work",
  LONG,
  async () => {
    await using play = stage.open();
    const { actor, lives, names } = play;
    await actor.prepare([]);
    const { M, at, owner } = await withoutCluster(play);
    const given = manifests.harvesterCluster(names, owner);
    const annotations = { "cluster.x-k8s.io/managed-by": "another" };
    const made = await M.create(harvesterClusters, {
      ...given,
      metadata: { ...given.metadata, annotations },
    });
    const failureDomains = [{ name: "zone-a", controlPlane: true }];
    const status = { ready: true, initialization: { provisioned: true }, failureDomains };
    const filled = await M.mergePatch(harvesterClusters, at, { status }, { subresource: "status" });
    await lives.start();
    await actor.createMachine("w");
    await actor.provisioned("w");
    await play.rest();
    // To the byte: nobody has written.
    expect(await M.get(harvesterClusters, at)).toEqual(filled);
    expect(filled["spec"]).toEqual(made["spec"]);
    await actor.deleteMachine("w");
    await actor.gone("w");
    expect(await M.get(harvesterClusters, at)).toEqual(filled);
  },
);
