/**
 * The words of the API that are not fields: group, versions, finalizers, labels, annotations. Conditions are in
 * `condition-names.ts`.
 */

export const infrastructureGroup = "infrastructure.cluster.x-k8s.io";

/** Group of what is asked of capfn itself: remediation. */
export const capfnGroup = "capfn.dev";

/** A version in which some kind is served. */
export type ServedVersion = "v1alpha1" | "v1beta1";

/** `apiVersion` that functions write. */
export const storageApiVersion = `${infrastructureGroup}/v1beta1`;

/** Label by which `clusterctl move` finds the resource types whose objects it moves. */
export const clusterctlLabel = "clusterctl.cluster.x-k8s.io";

/** Label of a resource type, or of one object, that `clusterctl move` takes along although no owner leads to a Cluster. */
export const clusterctlMoveLabel = "clusterctl.cluster.x-k8s.io/move";

/** Label of every CRD of a provider, read by clusterctl. */
export const providerLabel = {
  name: "cluster.x-k8s.io/provider",
  value: "infrastructure-harvester",
} as const;

export const clusterFinalizer = "harvester.infrastructure.cluster.x-k8s.io/finalizer";
export const machineFinalizer = "harvestermachine.infrastructure.cluster.x-k8s.io/finalizer";
/** What early releases of the Go provider wrote instead; swapped for the current ones when met, removed on deletion. */
export const legacyClusterFinalizer = "harvester.infrastructure.cluster.x-k8s.io";
export const legacyMachineFinalizer = "harvestermachine.infrastructure.cluster.x-k8s.io";

/** On an IPAddressClaim that one of our pools serves: its address stands in the IPPool on Harvester (Cluster API contract, IPAM provider). */
export const servedClaimFinalizer = "capfn.dev/release-address";
/** On an IPAddressClaim of a machine of ours: the VM may still use the address, so nobody may give it to another. */
export const machineClaimFinalizer = "harvestermachine.infrastructure.cluster.x-k8s.io/address-in-use";
/** On an IPAddress of ours: it goes with its claim only. */
export const addressFinalizer = "ipam.cluster.x-k8s.io/protect-address";
/** On a HarvesterIPPool addresses of which are given out: without it nobody would know where they are to be given back. */
export const poolFinalizer = "capfn.dev/addresses-given-out";

/** Scheme of `spec.providerID`: `harvester://<uid of the VM>`. */
export const providerIdPrefix = "harvester://";

/** Name of the Cluster an object belongs to; on every object of Cluster API. */
export const clusterNameLabel = "cluster.x-k8s.io/cluster-name";
/** Present (value empty) on the Machines of a control plane and what belongs to them. */
export const controlPlaneLabel = "cluster.x-k8s.io/control-plane";
/** Which instance of a provider looks after the object, when there are several. */
export const watchFilterLabel = "cluster.x-k8s.io/watch-filter";
/** Present, whatever the value: do not reconcile this object. */
export const pausedAnnotation = "cluster.x-k8s.io/paused";
/** Present, whatever the value: another system provides this infrastructure, do not reconcile. */
export const managedByAnnotation = "cluster.x-k8s.io/managed-by";
/** Set by `clusterctl move` before it deletes the source objects: nothing outside may be destroyed. */
export const deleteForMoveAnnotation = "clusterctl.cluster.x-k8s.io/delete-for-move";
/** Set on the objects of a topology dry run, for which immutability rules do not hold. */
export const topologyDryRunAnnotation = "topology.cluster.x-k8s.io/dry-run";

/** Labels of ours on every object created on Harvester: by these it is found again, and told from a namesake. */
export const ownerUidLabel = "capfn.dev/owner-uid";
export const ownerNameLabel = "capfn.dev/owner-name";
export const ownerNamespaceLabel = "capfn.dev/owner-namespace";
export const clusterLabel = "capfn.dev/cluster";

/**
 * On a Namespace, with the value `all-namespaces`: RemediationRequests in it may be about machines of any namespace. Otherwise a request
 * reaches machines of its own namespace only, so that the right to create one there is no right over anybody else's.
 */
export const remediationScopeLabel = {
  name: "capfn.dev/remediation-scope",
  value: "all-namespaces",
} as const;

/**
 * On a HarvesterMachine: how many IPAddressClaims may have been made for it. Written before the first one, so that none is forgotten when the
 * configuration they follow from has changed meanwhile.
 */
export const claimsAnnotation = "capfn.dev/address-claims";

/** Any new value forces a look at the object; answered in its status. */
export const lookAtAnnotation = "capfn.dev/look-at";

/** Labels and annotations of Harvester that its UI, its controllers and earlier releases of the provider rely on. */
export const harvesterNames = {
  creatorLabel: "harvesterhci.io/creator",
  creatorValue: "harvester",
  vmNameLabel: "harvesterhci.io/vmName",
  vmNamePrefixLabel: "harvesterhci.io/vmNamePrefix",
  volumeClaimTemplatesAnnotation: "harvesterhci.io/volumeClaimTemplates",
  diskNamesAnnotation: "harvesterhci.io/diskNames",
  sshNamesAnnotation: "harvesterhci.io/sshNames",
  imageIdAnnotation: "harvesterhci.io/imageId",
  ipsAnnotation: "networks.harvesterhci.io/ips",
  /** Marks the Service that reserves a load balancer's address. */
  serviceLoadBalancerLabel: "loadbalancer.harvesterhci.io/servicelb",
  /**
   * As a label on control plane VMs only, and what the load balancer selects by; as an annotation on the template of every VM.
   * Its value is {@link machineTypeOf}.
   */
  machineType: "harvestercluster/machinetype",
} as const;

/** Value of {@link harvesterNames.machineType} for the control plane of a Cluster. */
export function machineTypeOf(clusterName: string): string {
  return `controlplane-${clusterName}`;
}
