import { clusterctlLabel, clusterNameLabel } from "#api/names.ts";
import { cniConfig } from "#cli/cluster-yaml/cni-config.ts";
import { type AddonNames, namesOf } from "#cli/cluster-yaml/names.ts";
import type { ClusterOptions } from "#cli/cluster-yaml/options.ts";
import { yamlOf } from "#cli/cluster-yaml/yaml.ts";
import { cloudProvider } from "#cli/generate/clusterctl/addons/cloud-provider.ts";
import { csiDriver } from "#cli/generate/clusterctl/addons/csi-driver.ts";
import type { NewObject } from "#platform/kube/resource.ts";

/** Sidecars of the CSI driver; they go with its version. */
const sidecars = {
  registrar: "longhornio/csi-node-driver-registrar:v2.12.0",
  resizer: "longhornio/csi-resizer:v1.12.0",
  provisioner: "longhornio/csi-provisioner:v5.1.0",
  attacher: "longhornio/csi-attacher:v4.7.0",
} as const;

/** One add-on: what it is called here, and what it is made of there. */
interface Addon {
  readonly names: AddonNames;
  /** Texts of the ConfigMap by key; left out where somebody else writes them. */
  readonly data?: Readonly<Record<string, string>>;
}

/**
 * ConfigMaps with what has to run in the cluster, and ClusterResourceSets that bring them there and bring them again when they change.
 *
 * The ConfigMap of the credentials is empty: capfn puts them in once Harvester has made them. To apply it again takes nothing away, because
 * nothing is said about its content; until then a ClusterResourceSet has nothing to bring.
 */
export function resourceSetsOf(options: ClusterOptions): NewObject[] {
  const addons = addonsOf(options);
  return [
    ...addons.map((addon) => configMap(options, addon)),
    ...addons.map(({ names }) => resourceSet(options, names)),
  ];
}

function addonsOf(options: ClusterOptions): Addon[] {
  const { name, cni, podCidr, addons, cloudProviderImage, csiDriverImage } = options;
  const names = namesOf(name);
  const provider = cloudProvider({ cluster: name, image: cloudProviderImage });
  const always: Addon[] = [
    { names: names.cloudProvider, data: { "harvester-cloud-provider.yaml": yamlOf(provider) } },
    { names: names.cloudConfig },
  ];
  if (addons.mode === "fleet") return always;
  const driver = csiDriver({ driver: csiDriverImage, ...sidecars });
  const config = cniConfig(cni, podCidr);
  return [
    ...always,
    { names: names.csiDriver, data: { "harvester-csi-driver.yaml": yamlOf(driver) } },
    ...(config === undefined
      ? []
      : [{ names: names.cni, data: { "helm-chart-config.yaml": yamlOf([config]) } }]),
  ];
}

function configMap({ name, namespace }: ClusterOptions, { names, data }: Addon): NewObject {
  return {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: {
      name: names.configMap,
      namespace,
      labels: { [clusterNameLabel]: name, [`${clusterctlLabel}/move`]: "" },
    },
    ...(data !== undefined && { data }),
  };
}

function resourceSet({ name, namespace }: ClusterOptions, names: AddonNames): NewObject {
  return {
    apiVersion: "addons.cluster.x-k8s.io/v1beta2",
    kind: "ClusterResourceSet",
    metadata: { name: names.resourceSet, namespace },
    spec: {
      strategy: "Reconcile",
      clusterSelector: { matchLabels: { [clusterNameLabel]: name } },
      resources: [{ kind: "ConfigMap", name: names.configMap }],
    },
  };
}
