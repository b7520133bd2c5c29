/** What a person answered, by the keys of the flags: text, lists of text, and switches. Nobody has looked at it yet. */
export type Answers = Readonly<Record<string, unknown>>;

/** How many machines of a role, and how large. */
export interface RoleSize {
  readonly replicas: number;
  /** Only what differs from {@link ClusterOptions.size}. */
  readonly cpu?: number | undefined;
  readonly memory?: string | undefined;
  readonly diskSize?: string | undefined;
}

/** An empty disk besides the boot disk. */
export interface ExtraDisk {
  readonly size: string;
  readonly storageClass: string;
}

/** Where machines get their addresses from. */
export type MachineAddresses =
  | { readonly from: "dhcp" }
  | {
      readonly from: "pools";
      readonly gateway: string;
      readonly subnetMask: string;
      /** One name, or several that are tried in this order. */
      readonly pools: string | readonly string[];
    };

/** The network of pods. */
export interface CniChoice {
  readonly name: "calico" | "canal" | "cilium" | "none";
  readonly mtu: number;
  /** Of Calico only. */
  readonly encapsulation: string;
  readonly bgp: string;
}

/** How add-ons get into the workload cluster. */
export type AddonDelivery =
  | { readonly mode: "crs" }
  | { readonly mode: "fleet"; readonly repository: string; readonly branch: string };

/** Everything that is asked about a cluster, checked. Sizes are Kubernetes quantities. */
export interface ClusterOptions {
  readonly name: string;
  readonly namespace: string;
  readonly targetNamespace: string;
  readonly class: string;
  /** With the release of RKE2, e.g. `v1.31.14+rke2r1`. */
  readonly version: string;
  readonly size: { readonly cpu: number; readonly memory: string; readonly diskSize: string };
  readonly controlPlane: RoleSize;
  readonly workers: RoleSize;
  readonly image: string;
  readonly extraDisks: readonly ExtraDisk[];
  readonly sshKeyPair: string;
  readonly sshUser: string;
  readonly network: string;
  readonly addresses: MachineAddresses;
  readonly dnsServers: readonly string[];
  /** Pool of the load balancer's address; undefined: DHCP. */
  readonly loadBalancerPool: string | undefined;
  readonly cni: CniChoice;
  readonly podCidr: string;
  readonly servicesCidr: string;
  readonly cisProfile: string | undefined;
  readonly fips: boolean;
  readonly addons: AddonDelivery;
  readonly cloudProviderImage: string;
  readonly csiDriverImage: string;
  readonly rancherImport: boolean;
}
