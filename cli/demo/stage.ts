import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { kubeObjectManifests } from "#cli/lab/manifests.ts";
import { labUsers, type Lab } from "#cli/lab/lab.ts";
import { installManifests } from "#platform/control-plane/install-manifests.ts";
import type { KubeClient } from "#platform/kube/client.ts";
import { secrets } from "#platform/kube/resources.ts";
import type { Clock } from "#platform/process/clock.ts";

export const NAMESPACE = "demo";
export const CLUSTER = "demo";
export const DEPLOYMENT = "demo-workers";
export const POOL = "demo-vms";

/** What a user prepares before the first cluster: namespaces, the identity Secret, and image, key pair and pool on Harvester. */
export async function prepare(lab: Lab, clock: Clock): Promise<void> {
  const { management, harvester } = lab.client;
  for (const client of [management, harvester]) await apply(client, clock, namespaceManifest());
  await installManifests(harvester, kubeObjectManifests(await example("harvester.yaml")), clock);
  await management.create(
    secrets,
    kubeconfigSecret("harvester-identity", "kubeconfig", lab.harvester.kubeconfigFor(labUsers.capfn)),
  );
  if (lab.workload === undefined) return;
  await management.create(
    secrets,
    kubeconfigSecret(`${CLUSTER}-kubeconfig`, "value", lab.workload.kubeconfigFor(labUsers.capfn)),
  );
}

/** Applies one of the files in docs/examples. */
export async function applyExample(client: KubeClient, clock: Clock, file: string): Promise<void> {
  await installManifests(client, kubeObjectManifests(await example(file)), clock);
}

function example(file: string): Promise<string> {
  return readFile(join(import.meta.dirname, "..", "..", "docs", "examples", file), "utf8");
}

async function apply(client: KubeClient, clock: Clock, yaml: string): Promise<void> {
  await installManifests(client, kubeObjectManifests(yaml), clock);
}

function namespaceManifest(): string {
  return `apiVersion: v1\nkind: Namespace\nmetadata:\n  name: ${NAMESPACE}\n`;
}

/** Kubeconfigs of workload clusters carry the label and type that Cluster API core looks for (contract for kubeconfig Secrets). */
function kubeconfigSecret(name: string, key: string, kubeconfig: string) {
  return {
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name, namespace: NAMESPACE, labels: { "cluster.x-k8s.io/cluster-name": CLUSTER } },
    type: "cluster.x-k8s.io/secret",
    data: { [key]: Buffer.from(kubeconfig).toString("base64") },
  };
}
