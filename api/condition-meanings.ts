import type {
  ClusterConditionType,
  ClusterReason,
  MachineConditionType,
  MachineReason,
  templateConditions,
} from "#api/condition-names.ts";

/** What a condition says, and what each of its reasons does: words for people, of which the reference page is made. */
export interface ConditionMeaning<Reason extends string> {
  readonly meaning: string;
  readonly reasons: Readonly<Partial<Record<Reason, string>>>;
}

export type SummaryReason = "Ready" | "NotReady" | "Deleting" | "Paused" | "NotPaused";

const paused: ConditionMeaning<SummaryReason> = {
  meaning:
    "True while `Cluster.spec.paused` or the annotation `cluster.x-k8s.io/paused` holds everything: nothing is asked of Harvester meanwhile.",
  reasons: { Paused: "It is paused.", NotPaused: "It was paused once and is no more." },
};
const ready: ConditionMeaning<SummaryReason> = {
  meaning: "The summary that Cluster API shows at its own object.",
  reasons: {
    Ready: "Everything that is needed is there.",
    NotReady: "The message names what is missing first.",
    Deleting: "The object is being deleted.",
  },
};
const LOOKED_AT = {
  meaning: "Answers the annotation `capfn.dev/look-at`: the message is its value.",
  reasons: { LookedAt: "Everything was looked at anew." },
} as const;

/** Of a HarvesterCluster. */
export const clusterMeanings: Readonly<
  Record<ClusterConditionType, ConditionMeaning<ClusterReason | SummaryReason>>
> = {
  HarvesterConnectionReady: {
    meaning: "Harvester answers with the identity Secret.",
    reasons: {
      HarvesterConnectionInProgress: "It is being connected.",
      HarvesterAuthenticationFailed:
        "The identity Secret is missing, is no kubeconfig, or Harvester refuses it; the message says which. A new Secret is enough.",
      HarvesterConnectionFailed:
        "Harvester does not answer, or its parts are not running. It is tried again by itself.",
      HarvesterConnectionReady: "Connected.",
    },
  },
  TargetNamespaceReady: {
    meaning: "The namespace for the VMs is on Harvester.",
    reasons: {
      TargetNamespaceChecking: "It is being looked for.",
      TargetNamespaceNotReady: "It is missing and could not be made; the message says why.",
      TargetNamespaceReady: "It is there.",
    },
  },
  VMIPPoolReady: {
    meaning: "The IPPools of the machines are on Harvester.",
    reasons: {
      VMIPPoolCreationFailed:
        "A pool that is named is missing, or the inline pool could not be made; the message names it.",
      VMIPPoolReady: "All are there.",
    },
  },
  VMIPPoolCreatedByController: {
    meaning:
      "The machines' pool was made by capfn out of the inline `vmNetworkConfig.ipPool`, and goes with the cluster.",
    reasons: { VMIPPoolCreatedByController: "It was." },
  },
  CustomIPPoolCreated: {
    meaning:
      "The load balancer's pool was made by capfn out of the inline `loadBalancerConfig.ipPool`, and goes with the cluster.",
    reasons: {
      CustomPoolCreationInHarvesterFailed: "It could not be made; the message says why.",
      CustomIPPoolCreatedSuccessfully: "It was.",
    },
  },
  CloudProviderConfigReady: {
    meaning:
      "The credentials of Harvester's cloud provider are in the manifest that `updateCloudProviderConfig` names.",
    reasons: {
      CloudProviderConfigNotReady: "What it needs is not there yet; the message says what.",
      CloudProviderConfigGenerationFailed: "They could not be made or written; the message says why.",
      CloudProviderConfigGeneratedSuccessfully: "They are.",
      CloudProviderConfigNotApplicable: "None are asked for.",
    },
  },
  LoadBalancerReady: {
    meaning: "The API servers of the cluster have their address.",
    reasons: {
      LoadBalancerNotReady: "The address is awaited.",
      LoadBalancerAddressChanged:
        "The load balancer has another address than `spec.controlPlaneEndpoint`, which is never moved by itself. Give it back its address, or make the cluster anew.",
      LoadBalancerNameTaken: "An object of the load balancer's name is another cluster's; it is left alone.",
      LoadBalancerPoolExhausted: "The pool has no address left; the first that comes free is taken.",
      LoadBalancerNoBackendMachine: "There is no machine of the control plane yet.",
      LoadBalancerReady: "It has its address.",
    },
  },
  InfrastructureReady: {
    meaning: "Machines may come.",
    reasons: {
      InfrastructureProvisioningInProgress: "The message names what is awaited.",
      InfrastructureProvisioningFailed: "The message names what failed.",
      HarvesterUnreachable: "There is no connection to Harvester.",
      InfrastructureReady: "They may.",
    },
  },
  FleetIntegrationReady: {
    meaning:
      "Rancher's cluster object has what the label `cluster-api.cattle.io/rancher-auto-import` asks for.",
    reasons: {
      FleetIntegrationNotApplicable: "Nobody asked for it.",
      FleetIntegrationInProgress: "Rancher has not imported the cluster yet.",
      FleetIntegrationFailed: "Its object could not be changed; the message says why.",
      FleetIntegrationReady: "It has.",
    },
  },
  Paused: paused,
  Ready: ready,
  AddressesAvailable: {
    meaning: "The pools of the machines have free addresses. Absent until they once had none or hardly any.",
    reasons: {
      AddressesAvailable: "More than a tenth of every pool is free.",
      AddressesRunningOut: "A tenth or less of a pool is free.",
      AddressesExhausted:
        "A pool has no free address, or machines wait for one. See [addresses](../tasks/addresses.md).",
      IPPoolMalformed: "A pool's ranges cannot be read.",
    },
  },
  AddressesUnique: {
    meaning: "No address has two holders. Absent until one had.",
    reasons: {
      AddressesUnique: "None has.",
      AddressHeldTwice: "One has: two pools, or two spellings, give it out. The message names both.",
    },
  },
  LookedAt: LOOKED_AT,
  Deleting: {
    meaning: "A deletion that takes its time, and what it waits for.",
    reasons: {
      WaitingForMachines: "Machines of the cluster are still there.",
      WaitingForCredentialsRemoval:
        "The credentials of the cloud provider are still on Harvester, or may not be deleted; the message says which.",
      WaitingForLoadBalancerDeletion: "The load balancer is going.",
      WaitingForIPPoolRelease: "Addresses of a pool that was made for the cluster are still held.",
      HarvesterUnreachable:
        "There is no connection to Harvester. See [clusters](../tasks/cluster.md) for giving up on it.",
      MovedAway: "`clusterctl move` took it to another management cluster: nothing outside may be destroyed.",
      ClusterMissing: "The owner Cluster does not exist, so nobody knows whether anything may be destroyed.",
    },
  },
  CertificatesValid: {
    meaning: "No certificate of the workload cluster needs a person. Absent until one did.",
    reasons: {
      CertificatesValid: "None does.",
      CertificateExpiring: "Two thirds of a certificate's life are over, and it is not capfn's to reissue.",
      CertificateExpired: "One has expired.",
      CertificateNotYetValid: "One is not valid yet: a clock is wrong.",
      CertificateUntrusted: "The API server shows a certificate that no authority in the kubeconfig signed.",
      CertificateRefused: "The API server refuses the credentials in the kubeconfig.",
    },
  },
};

/** Of a HarvesterMachine. */
export const machineMeanings: Readonly<
  Record<MachineConditionType, ConditionMeaning<MachineReason | SummaryReason>>
> = {
  InfrastructureReady: {
    meaning: "Everything a VM needs is there.",
    reasons: {
      InfrastructureReady: "It is.",
      WaitingForOwnerMachine: "No Machine owns the object yet.",
      WaitingForClusterInfrastructure: "The cluster's infrastructure is not provisioned yet.",
      WaitingForBootstrapData: "The bootstrap provider has not written its Secret yet.",
      HarvesterUnreachable: "There is no connection to Harvester.",
    },
  },
  VMIPAllocated: {
    meaning: "The machine has its address out of a pool, or by IPAddressClaims. Absent with DHCP.",
    reasons: {
      VMIPAllocated: "It has.",
      VMIPAllocationFailed: "No pool fits the machine; the message says why.",
      VMIPPoolExhausted: "Every pool is exhausted; machines wait in line, first come first served.",
      VMIPHeldByAnother: "The pool gives the machine's address to another holder. Somebody must decide.",
      WaitingForIPAddress: "The IPAM provider has given no address for the machine's IPAddressClaim yet.",
      IPAddressClaimTaken: "An IPAddressClaim under the machine's name for it is somebody else's.",
      IPAMNotInstalled: "The management cluster has no IPAddressClaims; they come with Cluster API.",
    },
  },
  VMProvisioningReady: {
    meaning: "The VM has come up and reported its addresses.",
    reasons: {
      VMProvisioningInProgress: "It is coming up.",
      VMProvisioningFailed:
        "It could not be made: the message names what is missing, such as an image or a key pair.",
      VMNameTaken: "A VM of that name is somebody else's; it is left alone.",
      VMProvisioningReady: "It has.",
    },
  },
  MachineCreated: {
    meaning: "The VM exists.",
    reasons: {
      MachineCreated: "It does.",
      MachineNotFound:
        "It did, and is gone. It is never made anew by itself: delete the Machine, or have it remediated.",
    },
  },
  VMRunning: {
    meaning: "The VM runs.",
    reasons: { VMRunning: "It does.", VMNotRunning: "It does not; the message has its status on Harvester." },
  },
  Paused: paused,
  Ready: ready,
  Deleting: {
    meaning: "A deletion that takes its time, and what it waits for.",
    reasons: {
      WaitingForVMDeletion: "The VM is shutting down.",
      WaitingForIPRelease: "Its address is to be given back.",
      HarvesterUnreachable: "There is no connection to Harvester. See [deleting](../tasks/deleting.md).",
      MovedAway: "`clusterctl move` took it to another management cluster: nothing outside may be destroyed.",
      ClusterMissing: "The owner Cluster does not exist, so nobody knows whether anything may be destroyed.",
      HarvesterClusterMissing:
        "The HarvesterCluster does not exist, so nobody knows which Harvester is meant.",
    },
  },
  NodeInitialized: {
    meaning: "False when the machine's Node cannot be told.",
    reasons: {
      NodeInitialized: "It was told after all.",
      NodeAmbiguous: "Several Nodes could be the machine's; the message names them.",
    },
  },
  Diagnosed: {
    meaning:
      "True while the machine is stuck; the reason says where. Absent until it was once. See [stuck machines](../tasks/stuck-machine.md).",
    reasons: {
      ImageNotReady: "The image of a disk is not imported.",
      VolumeNotReady: "A disk is not bound.",
      Unschedulable: "No host takes the VM.",
      VMNotStarting: "The VM does not come to run, for another cause.",
      NoAddress: "The VM runs and reports no address.",
      GuestBootFailed: "cloud-init of the guest has failed.",
      GuestStillBooting: "cloud-init of the guest is still at work.",
      NodeNotJoined: "The VM runs with an address, and no Node has joined.",
      NotStuck: "It has joined, or its VM is another one.",
    },
  },
  LookedAt: LOOKED_AT,
};

/** Of a HarvesterMachineTemplate. */
export const templateMeanings: Readonly<Record<keyof typeof templateConditions, ConditionMeaning<string>>> = {
  CapacityReported: {
    meaning:
      "False when `status.capacity` could not be written, until it could; `capfn parked` says more. Absent before.",
    reasons: {},
  },
};
