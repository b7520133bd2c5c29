/**
 * Condition types and reasons, PascalCase as metav1 wants them. Each key equals its value, so a reason can be searched for as it
 * appears in a status. Those marked "addition" are new; the others are what dashboards and scripts already test for.
 */

export const clusterConditions = {
  HarvesterConnectionReady: "HarvesterConnectionReady",
  TargetNamespaceReady: "TargetNamespaceReady",
  VMIPPoolReady: "VMIPPoolReady",
  VMIPPoolCreatedByController: "VMIPPoolCreatedByController",
  CustomIPPoolCreated: "CustomIPPoolCreated",
  CloudProviderConfigReady: "CloudProviderConfigReady",
  LoadBalancerReady: "LoadBalancerReady",
  InfrastructureReady: "InfrastructureReady",
  FleetIntegrationReady: "FleetIntegrationReady",
  Paused: "Paused",
  /** Addition: the summary Cluster API mirrors to the Cluster. */
  Ready: "Ready",
  /** Addition: whether the IPPools of its machines have free addresses. Absent until they once had none or hardly any. */
  AddressesAvailable: "AddressesAvailable",
  /** Addition: False while two IPPools, or two spellings, give one address to two holders. Absent until that was so once. */
  AddressesUnique: "AddressesUnique",
  /** Addition: the message is the value of the annotation `capfn.dev/look-at` last answered. */
  LookedAt: "LookedAt",
  /** Addition: what a deletion that takes its time waits for. */
  Deleting: "Deleting",
  /** Addition: False while a certificate of the workload cluster needs a person. Absent until one once did. */
  CertificatesValid: "CertificatesValid",
} as const;

export type ClusterConditionType = keyof typeof clusterConditions;

export const machineConditions = {
  InfrastructureReady: "InfrastructureReady",
  VMIPAllocated: "VMIPAllocated",
  VMProvisioningReady: "VMProvisioningReady",
  MachineCreated: "MachineCreated",
  VMRunning: "VMRunning",
  Paused: "Paused",
  /** Addition: the summary Cluster API mirrors to the Machine. */
  Ready: "Ready",
  /** Addition: what a deletion that takes its time waits for. */
  Deleting: "Deleting",
  /** Addition: False when the machine's Node cannot be told. */
  NodeInitialized: "NodeInitialized",
  /** Addition: True while the machine is stuck and was looked into; the reason says where. Absent until it was once. */
  Diagnosed: "Diagnosed",
  /** Addition: the message is the value of the annotation `capfn.dev/look-at` last answered. */
  LookedAt: "LookedAt",
} as const;

/** Condition of a HarvesterMachineTemplate. */
export const templateConditions = {
  /** Addition: False when capacity could not be written. Absent until that was so once. */
  CapacityReported: "CapacityReported",
} as const;

export type MachineConditionType = keyof typeof machineConditions;

/** Reasons of the conditions of a HarvesterCluster, by condition type. */
export const clusterReasons = {
  // HarvesterConnectionReady
  HarvesterConnectionInProgress: "HarvesterConnectionInProgress",
  HarvesterAuthenticationFailed: "HarvesterAuthenticationFailed",
  HarvesterConnectionFailed: "HarvesterConnectionFailed",
  HarvesterConnectionReady: "HarvesterConnectionReady",
  // TargetNamespaceReady
  TargetNamespaceChecking: "TargetNamespaceChecking",
  TargetNamespaceNotReady: "TargetNamespaceNotReady",
  TargetNamespaceReady: "TargetNamespaceReady",
  // VMIPPoolReady
  VMIPPoolCreationFailed: "VMIPPoolCreationFailed",
  VMIPPoolReady: "VMIPPoolReady",
  // VMIPPoolCreatedByController
  VMIPPoolCreatedByController: "VMIPPoolCreatedByController",
  // CustomIPPoolCreated
  CustomPoolCreationInHarvesterFailed: "CustomPoolCreationInHarvesterFailed",
  CustomIPPoolCreatedSuccessfully: "CustomIPPoolCreatedSuccessfully",
  // CloudProviderConfigReady
  CloudProviderConfigNotReady: "CloudProviderConfigNotReady",
  CloudProviderConfigGenerationFailed: "CloudProviderConfigGenerationFailed",
  CloudProviderConfigGeneratedSuccessfully: "CloudProviderConfigGeneratedSuccessfully",
  /** Addition: the spec asks for no credentials. */
  CloudProviderConfigNotApplicable: "CloudProviderConfigNotApplicable",
  // LoadBalancerReady
  LoadBalancerNotReady: "LoadBalancerNotReady",
  /** Addition: the load balancer has another address than `spec.controlPlaneEndpoint`, which is never moved by itself. */
  LoadBalancerAddressChanged: "LoadBalancerAddressChanged",
  /** Addition: an object of the load balancer's name exists and is another cluster's; it is left alone. */
  LoadBalancerNameTaken: "LoadBalancerNameTaken",
  /** Addition: the pool has no address for the load balancer. */
  LoadBalancerPoolExhausted: "LoadBalancerPoolExhausted",
  LoadBalancerNoBackendMachine: "LoadBalancerNoBackendMachine",
  LoadBalancerReady: "LoadBalancerReady",
  // InfrastructureReady
  InfrastructureProvisioningInProgress: "InfrastructureProvisioningInProgress",
  InfrastructureProvisioningFailed: "InfrastructureProvisioningFailed",
  InfrastructureReady: "InfrastructureReady",
  // FleetIntegrationReady
  FleetIntegrationNotApplicable: "FleetIntegrationNotApplicable",
  FleetIntegrationInProgress: "FleetIntegrationInProgress",
  FleetIntegrationFailed: "FleetIntegrationFailed",
  FleetIntegrationReady: "FleetIntegrationReady",
  // AddressesAvailable
  /** Addition: more than a tenth of the addresses of every pool is free. */
  AddressesAvailable: "AddressesAvailable",
  /** Addition: a tenth or less of the addresses of a pool is free. */
  AddressesRunningOut: "AddressesRunningOut",
  /** Addition: a pool has no free address, or machines wait for one. */
  AddressesExhausted: "AddressesExhausted",
  /** Addition: a pool's ranges cannot be read. */
  IPPoolMalformed: "IPPoolMalformed",
  // AddressesUnique
  /** Addition. */
  AddressesUnique: "AddressesUnique",
  /** Addition: an address has two holders. */
  AddressHeldTwice: "AddressHeldTwice",
  // Deleting
  /** Addition: machines of the cluster are still there. */
  WaitingForMachines: "WaitingForMachines",
  /** Addition: the load balancer is being deleted. */
  WaitingForLoadBalancerDeletion: "WaitingForLoadBalancerDeletion",
  /** Addition: addresses of a pool that was made for the cluster are still held. */
  WaitingForIPPoolRelease: "WaitingForIPPoolRelease",
  /** Addition: the credentials of the cloud provider are still on Harvester. */
  WaitingForCredentialsRemoval: "WaitingForCredentialsRemoval",
  /** Addition: there is no connection to Harvester. */
  HarvesterUnreachable: "HarvesterUnreachable",
  /** Addition: `clusterctl move` took the cluster to another management cluster: nothing outside may be destroyed. */
  MovedAway: "MovedAway",
  /** Addition: the owner Cluster does not exist, so it is unknown whether anything may be destroyed. */
  ClusterMissing: "ClusterMissing",
  // LookedAt
  LookedAt: "LookedAt",
  // CertificatesValid
  /** Addition. */
  CertificatesValid: "CertificatesValid",
  /** Addition: two thirds of a certificate's life are over, and it is not ours to reissue. */
  CertificateExpiring: "CertificateExpiring",
  CertificateExpired: "CertificateExpired",
  CertificateNotYetValid: "CertificateNotYetValid",
  /** Addition: the API server shows a certificate that no authority in the kubeconfig signed. */
  CertificateUntrusted: "CertificateUntrusted",
  /** Addition: the API server refuses the credentials in the kubeconfig. */
  CertificateRefused: "CertificateRefused",
} as const;

export type ClusterReason = keyof typeof clusterReasons;

/** Where a machine is stuck: reasons of the condition `Diagnosed` while it is True. All additions. */
export const diagnosisReasons = {
  /** The image of a disk is not imported. */
  ImageNotReady: "ImageNotReady",
  /** A disk is not bound. */
  VolumeNotReady: "VolumeNotReady",
  /** No host takes the VM. */
  Unschedulable: "Unschedulable",
  /** The VM does not come to run, for another cause. */
  VMNotStarting: "VMNotStarting",
  /** The VM runs and reports no address. */
  NoAddress: "NoAddress",
  /** cloud-init of the guest has failed. */
  GuestBootFailed: "GuestBootFailed",
  /** cloud-init of the guest is still at work. */
  GuestStillBooting: "GuestStillBooting",
  /** The VM runs with an address, and no Node has joined. */
  NodeNotJoined: "NodeNotJoined",
} as const;

export type DiagnosisReason = keyof typeof diagnosisReasons;

/** Reasons of the conditions of a HarvesterMachine, by condition type. */
export const machineReasons = {
  // InfrastructureReady
  InfrastructureReady: "InfrastructureReady",
  /** Addition: no Machine owns the object yet. */
  WaitingForOwnerMachine: "WaitingForOwnerMachine",
  /** Addition: the Cluster's infrastructure is not provisioned yet. */
  WaitingForClusterInfrastructure: "WaitingForClusterInfrastructure",
  /** Addition: the bootstrap provider has not written its Secret yet. */
  WaitingForBootstrapData: "WaitingForBootstrapData",
  // VMIPAllocated
  VMIPAllocated: "VMIPAllocated",
  VMIPAllocationFailed: "VMIPAllocationFailed",
  VMIPPoolExhausted: "VMIPPoolExhausted",
  /** Addition: the pool gives the machine's address to another holder. */
  VMIPHeldByAnother: "VMIPHeldByAnother",
  /** Addition: the IPAM provider has given no address for an IPAddressClaim yet. */
  WaitingForIPAddress: "WaitingForIPAddress",
  /** Addition: an IPAddressClaim of that name exists and is not ours; it is left alone. */
  IPAddressClaimTaken: "IPAddressClaimTaken",
  /** Addition: the management cluster has no IPAddressClaims; they come with Cluster API. */
  IPAMNotInstalled: "IPAMNotInstalled",
  // VMProvisioningReady
  VMProvisioningInProgress: "VMProvisioningInProgress",
  VMProvisioningFailed: "VMProvisioningFailed",
  VMProvisioningReady: "VMProvisioningReady",
  /** Addition: a VM of that name exists and is not ours; it is left alone. */
  VMNameTaken: "VMNameTaken",
  // MachineCreated
  MachineCreated: "MachineCreated",
  MachineNotFound: "MachineNotFound",
  // VMRunning
  VMRunning: "VMRunning",
  VMNotRunning: "VMNotRunning",
  // InfrastructureReady, Deleting
  /** Addition: there is no connection to Harvester. */
  HarvesterUnreachable: "HarvesterUnreachable",
  // Deleting
  WaitingForVMDeletion: "WaitingForVMDeletion",
  WaitingForIPRelease: "WaitingForIPRelease",
  /** `clusterctl move` took the machine to another management cluster: nothing outside may be destroyed. */
  MovedAway: "MovedAway",
  ClusterMissing: "ClusterMissing",
  HarvesterClusterMissing: "HarvesterClusterMissing",
  // NodeInitialized
  NodeInitialized: "NodeInitialized",
  NodeAmbiguous: "NodeAmbiguous",
  // Diagnosed
  ...diagnosisReasons,
  /** Addition: the machine has joined, or its VM is another one. */
  NotStuck: "NotStuck",
  // LookedAt
  LookedAt: "LookedAt",
} as const;

export type MachineReason = keyof typeof machineReasons;

/** Reasons of the `Paused` condition of both kinds (contract of Cluster API, pausing). */
export const pausedReasons = { Paused: "Paused", NotPaused: "NotPaused" } as const;

/** Reasons of the `Ready` summary of both kinds (Cluster API condition guidelines). */
export const readyReasons = { Ready: "Ready", NotReady: "NotReady", Deleting: "Deleting" } as const;

/** Condition of an EventInjection. */
export const injectionConditions = {
  /** The event has happened. */
  Taken: "Taken",
} as const;

/** Reasons of {@link injectionConditions}. */
export const injectionReasons = {
  EventTaken: "EventTaken",
  UnknownEventType: "UnknownEventType",
  UnknownKind: "UnknownKind",
  ForeignNamespace: "ForeignNamespace",
  UnfitEventData: "UnfitEventData",
} as const;

/** Conditions of a RemediationRequest and a MachineRemediation. */
export const remediationConditions = {
  /** Which machine is meant is known. */
  TargetResolved: "TargetResolved",
  /** A step may be taken now; the reason says what forbids it. */
  RemediationAllowed: "RemediationAllowed",
  /** The machine is well again; the reason says how far it is. */
  Remediated: "Remediated",
} as const;

/** Reasons of the conditions of a RemediationRequest and a MachineRemediation, by condition type. */
export const remediationReasons = {
  // TargetResolved
  MachineFound: "MachineFound",
  NothingToGoBy: "NothingToGoBy",
  NoSuchMachine: "NoSuchMachine",
  Ambiguous: "Ambiguous",
  Contradictory: "Contradictory",
  ForeignNamespace: "ForeignNamespace",
  // RemediationAllowed
  Allowed: "Allowed",
  Maintenance: "Maintenance",
  Cooldown: "Cooldown",
  StartedRecently: "StartedRecently",
  AnotherRemediation: "AnotherRemediation",
  ClusterUnreachable: "ClusterUnreachable",
  RemediationStorm: "RemediationStorm",
  TooManyUnhealthy: "TooManyUnhealthy",
  ControlPlaneBusy: "ControlPlaneBusy",
  EtcdQuorumAtRisk: "EtcdQuorumAtRisk",
  HealthUnknown: "HealthUnknown",
  WaitingForHealthCheck: "WaitingForHealthCheck",
  // Remediated
  InProgress: "InProgress",
  Healthy: "Healthy",
  NotNeeded: "NotNeeded",
  Escalated: "Escalated",
  AlertEnded: "AlertEnded",
  MachineDeleted: "MachineDeleted",
  DryRun: "DryRun",
} as const;

export type RemediationReason = keyof typeof remediationReasons;

/** Condition of an IPAddressClaim that one of our pools serves (Cluster API, `ipam.cluster.x-k8s.io`). */
export const claimConditions = {
  Ready: "Ready",
  /** What giving back a deleted claim's address waits for. */
  Deleting: "Deleting",
} as const;

/** Reasons of {@link claimConditions}; those of `Ready` that are False are Cluster API's own. */
export const claimReasons = {
  Ready: "Ready",
  AllocationFailed: "AllocationFailed",
  PoolNotReady: "PoolNotReady",
  PoolExhausted: "PoolExhausted",
  // Deleting
  /** There is no connection to Harvester. */
  HarvesterUnreachable: "HarvesterUnreachable",
} as const;

/** Condition of a HarvesterIPPool. */
export const poolConditions = { Ready: "Ready" } as const;

/** Reasons of {@link poolConditions}. */
export const poolReasons = {
  Ready: "Ready",
  HarvesterUnreachable: "HarvesterUnreachable",
  IPPoolNotFound: "IPPoolNotFound",
  IPPoolMalformed: "IPPoolMalformed",
} as const;
