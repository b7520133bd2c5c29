import { installManifests } from "#platform/control-plane/install-manifests.ts";
import type { KubeClient, PatchOptions } from "#platform/kube/client.ts";
import { isKubeError } from "#platform/kube/errors.ts";
import type { NewObject, ResourceType } from "#platform/kube/resource.ts";
import {
  deployments,
  namespaces,
  networkAttachmentDefinitions,
  nodes,
  services,
} from "#platform/kube/resources.ts";
import type { Clock } from "#platform/process/clock.ts";
import {
  DEFAULT_HOSTS,
  deploymentStatus,
  harvesterDeployment,
  hostObject,
  ingressService,
  namespaceObject,
  readyNodeStatus,
  type SimulatedHost,
  vlanNetwork,
} from "#platform/simulator/base-objects.ts";
import { installPoolAdmission } from "#platform/simulator/pool-admission.ts";

/** What an API server needs to look like a Harvester without any virtual machine. */
export interface HarvesterInstallation {
  readonly clock: Clock;
  /** CustomResourceDefinitions of Harvester, KubeVirt and Multus; none when they are installed already. */
  readonly crds?: readonly NewObject[] | undefined;
  readonly hosts?: readonly SimulatedHost[] | undefined;
  /** VLAN networks, as `<namespace>/<name>`; `default/vlan1` when absent. */
  readonly networks?: readonly string[] | undefined;
  /** Where the Harvester cluster is reached by its users. */
  readonly ingressAddress?: string | undefined;
}

const DEFAULT_NETWORKS: readonly string[] = ["default/vlan1"];
const DEFAULT_INGRESS = "10.50.255.10";

/**
 * Makes an API server look like an empty Harvester: its resource types, its Deployment which is available, hosts, networks and the
 * rule for the deletion of pools. What exists is left as it is, so it may be called again.
 */
export async function installHarvester(client: KubeClient, options: HarvesterInstallation): Promise<void> {
  const { clock } = options;
  const time = new Date(clock.now()).toISOString();
  if (options.crds !== undefined) await installManifests(client, options.crds, clock);

  for (const name of ["harvester-system", "longhorn-system"]) {
    await ensure(client, namespaces, namespaceObject(name));
  }
  const deployment = harvesterDeployment();
  if (await ensure(client, deployments, deployment)) {
    await client.mergePatch(deployments, deployment.metadata, deploymentStatus(true, time), STATUS);
  }
  for (const [index, host] of (options.hosts ?? DEFAULT_HOSTS).entries()) {
    if (!(await ensure(client, nodes, hostObject(host)))) continue;
    // The API server taints what registers; a kubelet that is well has the taint taken off.
    await client.mergePatch(nodes, host, { spec: { taints: null } });
    const addresses = [
      { type: "InternalIP", address: `10.50.254.${index + 10}` },
      { type: "Hostname", address: host.name },
    ];
    await client.mergePatch(nodes, host, readyNodeStatus(addresses, time), STATUS);
  }
  for (const network of options.networks ?? DEFAULT_NETWORKS) {
    const [namespace = "", name = ""] = network.split("/");
    await ensure(client, namespaces, namespaceObject(namespace));
    await ensure(client, networkAttachmentDefinitions, vlanNetwork(namespace, name));
  }
  await ensure(client, services, ingressService(options.ingressAddress ?? DEFAULT_INGRESS));
  await installPoolAdmission(client, clock);
}

const STATUS: PatchOptions = { subresource: "status" };

/** Whether the object is new. */
async function ensure(client: KubeClient, type: ResourceType, object: NewObject): Promise<boolean> {
  try {
    await client.create(type, object);
    return true;
  } catch (error) {
    if (isKubeError(error, "alreadyExists")) return false;
    throw error;
  }
}
