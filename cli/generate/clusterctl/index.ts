import { CLASS } from "#cli/generate/clusterctl/class/parts.ts";
import { clusterClass } from "#cli/generate/clusterctl/class/class.ts";
import { componentsText } from "#cli/generate/clusterctl/components.ts";
import { flavors } from "#cli/generate/clusterctl/flavors/index.ts";
import { metadataText } from "#cli/generate/clusterctl/metadata.ts";
import { capiProviderText, operatorText } from "#cli/generate/clusterctl/providers.ts";
import { templateText } from "#cli/generate/clusterctl/text.ts";

const FOLDER = "manifests/clusterctl";

/**
 * What a release has for clusterctl, by path from the repository's root: components, metadata, templates, the ClusterClass; and how Turtles and the operator
 * of Cluster API install it.
 *
 * @param manifests the other generated files, of which the components are made
 */
export function clusterctlFiles(manifests: ReadonlyMap<string, string>): Map<string, string> {
  return new Map([
    [`${FOLDER}/infrastructure-components.yaml`, componentsText(manifests)],
    [`${FOLDER}/metadata.yaml`, metadataText()],
    ...flavors.map(({ name, about, objects }): [string, string] => [
      `${FOLDER}/cluster-template${name === "" ? "" : `-${name}`}.yaml`,
      templateText(about, objects()),
    ]),
    [`${FOLDER}/clusterclass-${CLASS}.yaml`, clusterClassManifest()],
    [`${FOLDER}/capiprovider-harvester.yaml`, capiProviderText()],
    [`${FOLDER}/infrastructureprovider-harvester.yaml`, operatorText()],
  ]);
}

const CLASS_ABOUT =
  "ClusterClass for clusters with RKE2, and its templates. Apply it in each namespace that has Clusters of it.";

/** The ClusterClass with its templates. */
export function clusterClassManifest(): string {
  return templateText(CLASS_ABOUT, clusterClass());
}
