import { clusterNameLabel } from "#api/names.ts";
import { calicoSettings } from "#cli/generate/clusterctl/addons/calico.ts";
import {
  cloudConfigGiven,
  cloudConfigName,
  cloudConfigToFill,
} from "#cli/generate/clusterctl/addons/cloud-config.ts";
import { cloudProvider } from "#cli/generate/clusterctl/addons/cloud-provider.ts";
import { csiDriver } from "#cli/generate/clusterctl/addons/csi-driver.ts";
import { streamText, type Manifest } from "#cli/generate/clusterctl/text.ts";
import { named, variable } from "#cli/generate/clusterctl/variables.ts";

export interface AddonOptions {
  /** Whether capfn makes the credentials that cloud provider and storage driver show to Harvester. */
  readonly credentials: "made" | "given";
  /** RKE2 installs Calico itself and takes settings for it. */
  readonly calico: boolean;
}

const namespace = variable("NAMESPACE");

/** What Cluster API installs in the workload cluster: a ClusterResourceSet of this cluster alone, and what it names. */
export function addons({ credentials, calico }: AddonOptions): Manifest[] {
  const contents: readonly (readonly [string, readonly Manifest[]])[] = [
    ["harvester-ccm", cloudProvider()],
    ["harvester-csi", csiDriver()],
    ...(calico ? ([["calico-config", calicoSettings()]] as const) : []),
  ];
  const resources = [
    { kind: credentials === "made" ? "ConfigMap" : "Secret", name: cloudConfigName },
    ...contents.map(([name]) => ({ kind: "ConfigMap", name: named(name) })),
  ];
  return [
    {
      apiVersion: "addons.cluster.x-k8s.io/v1beta2",
      kind: "ClusterResourceSet",
      metadata: { name: named("addons"), namespace },
      spec: {
        clusterSelector: { matchLabels: { [clusterNameLabel]: variable("CLUSTER_NAME") } },
        resources,
        // So that credentials that capfn renews get there too.
        strategy: "Reconcile",
      },
    },
    credentials === "made" ? cloudConfigToFill() : cloudConfigGiven(),
    ...contents.map(([name, objects]) => configMap(name, objects)),
  ];
}

function configMap(name: string, objects: readonly Manifest[]): Manifest {
  return {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: {
      name: named(name),
      namespace,
      labels: { [clusterNameLabel]: variable("CLUSTER_NAME") },
    },
    data: { [`${name}.yaml`]: streamText(objects) },
  };
}
