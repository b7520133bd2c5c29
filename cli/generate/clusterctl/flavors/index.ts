import { classCluster } from "#cli/generate/clusterctl/flavors/class.ts";
import { kubeadmCluster } from "#cli/generate/clusterctl/flavors/kubeadm.ts";
import { rke2Cluster } from "#cli/generate/clusterctl/flavors/rke2.ts";
import { stigCluster } from "#cli/generate/clusterctl/flavors/stig.ts";
import { talosCluster } from "#cli/generate/clusterctl/flavors/talos.ts";
import type { Manifest } from "#cli/generate/clusterctl/text.ts";

/** A template for `clusterctl generate cluster --flavor <name>`; the empty name is the one without `--flavor`. */
export interface Flavor {
  readonly name: string;
  readonly about: string;
  readonly objects: () => Manifest[];
}

const GIVEN = "Credentials for what runs in the cluster are given.";
const MADE = "capfn makes the credentials for what runs in the cluster.";

/** Those of the Go provider, by its names, and one for the ClusterClass. */
export const flavors: readonly Flavor[] = [
  {
    name: "",
    about: `A cluster with RKE2. The address of the control plane comes from an IPPool. ${GIVEN}`,
    objects: () => rke2Cluster({ address: "pool", credentials: "given" }),
  },
  {
    name: "dhcp",
    about: `A cluster with RKE2. The address of the control plane comes by DHCP. ${GIVEN}`,
    objects: () => rke2Cluster({ address: "dhcp", credentials: "given" }),
  },
  {
    name: "generateCPI",
    about: `A cluster with RKE2. The address of the control plane comes by DHCP. ${MADE}`,
    objects: () => rke2Cluster({ address: "dhcp", credentials: "made" }),
  },
  {
    name: "kubeadm",
    about: `A cluster with kubeadm and Calico. The address of the control plane comes by DHCP. ${GIVEN}`,
    objects: kubeadmCluster,
  },
  {
    name: "talos",
    about: `A cluster with Talos Linux. The address of the control plane comes by DHCP. ${MADE}`,
    objects: talosCluster,
  },
  {
    name: "stig",
    about: `A hardened cluster with RKE2: CIS profile, audit log, Secure Boot, TPM. The address of the control plane comes from an IPPool. ${MADE}`,
    objects: stigCluster,
  },
  {
    name: "clusterclass",
    about: `A cluster of the ClusterClass harvester-rke2: its machines take their addresses from an IPPool, its control plane takes its own by DHCP. ${MADE}`,
    objects: classCluster,
  },
];
