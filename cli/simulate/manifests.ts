import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { kubeObjectManifests } from "#cli/lab/manifests.ts";
import { INSTALL_FILE, planes } from "#cli/simulate/place.ts";
import { simulatorPod, type SimulatorOptions } from "#cli/simulate/pod.ts";
import type { ControlPlaneHost } from "#platform/control-plane/host.ts";
import { harvesterCrds } from "#platform/control-plane/third-party-manifests.ts";
import type { NewObject } from "#platform/kube/resource.ts";

/**
 * The simulated Harvester and one simulated workload cluster, as objects for a cluster: API servers of their own in one pod, a Service for each, and
 * what the simulator needs. To be applied server-side: the ConfigMap is too large for the annotation of a client-side apply.
 */
export async function simulatorManifests(
  host: ControlPlaneHost,
  options: SimulatorOptions,
): Promise<NewObject[]> {
  const example = join(import.meta.dirname, "..", "..", "docs", "examples", "harvester.yaml");
  const install = [...(await harvesterCrds(host)), ...kubeObjectManifests(await readFile(example, "utf8"))];
  const { namespace, publishTo } = options;
  const metadata = { name: "capfn-simulator", namespace };
  const ofGuests = { name: "capfn-simulator", namespace: publishTo };
  const inNamespaces = [...new Set([namespace, publishTo])].map((name) => ({
    apiVersion: "v1",
    kind: "Namespace",
    metadata: { name },
  }));
  return [
    ...inNamespaces,
    { apiVersion: "v1", kind: "ServiceAccount", metadata },
    {
      apiVersion: "rbac.authorization.k8s.io/v1",
      kind: "Role",
      metadata: ofGuests,
      rules: [{ apiGroups: [""], resources: ["secrets"], verbs: ["create", "patch"] }],
    },
    {
      apiVersion: "rbac.authorization.k8s.io/v1",
      kind: "RoleBinding",
      metadata: ofGuests,
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name: ofGuests.name },
      subjects: [{ kind: "ServiceAccount", ...metadata }],
    },
    {
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata,
      binaryData: { [INSTALL_FILE]: gzipSync(JSON.stringify(install), { level: 9 }).toString("base64") },
    },
    ...planes.map((name) => ({
      apiVersion: "v1",
      kind: "Service",
      metadata: { name, namespace },
      spec: { selector: { app: metadata.name }, ports: [{ name: "https", port: 443, targetPort: name }] },
    })),
    {
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata,
      spec: {
        replicas: 1,
        // Two at once would be two worlds behind one name.
        strategy: { type: "Recreate" },
        selector: { matchLabels: { app: metadata.name } },
        template: simulatorPod(metadata.name, options),
      },
    },
  ];
}
