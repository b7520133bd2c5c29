import { isControlPlane } from "#functions/cluster-api/node-cert-reissue/machine-world.ts";
import { RENEW_ANNOTATION, type Cluster, type Machine } from "#platform/cluster-api/cluster.ts";
import type { NodeServer } from "#platform/cluster-api/node-certificates.ts";
import type { Seen } from "#platform/kube/view.ts";

/** One command on a machine, run as root, and the exit codes that are well. */
export interface RenewalCommand {
  readonly argv: readonly string[];
  readonly codes: readonly number[];
}

/** How the certificates of a machine are renewed: there, or by a new machine; or why not by us, for people. */
export type Means =
  | { readonly commands: readonly RenewalCommand[] }
  | { readonly rollout: string }
  | { readonly kept: string };

/**
 * The way of whoever made the machine's certificates. Pure.
 *
 * kubeadm ("Certificate Management with kubeadm", manual renewal): the renewed files are read anew by etcd for every connection and by the API
 * server within a minute, but not the kubeconfigs of the controllers; what is ended here, its kubelet starts again. RKE2 and k3s (their
 * documentation, `certificate rotate`): with the service stopped, so in a unit of its own, which goes on when the connection is lost.
 */
export function meansFor(
  machine: Seen<Machine>,
  cluster: Seen<Cluster>,
  servers: readonly NodeServer[],
): Means {
  const kind = machine.spec.bootstrap.configRef?.kind ?? "";
  const renewed = cluster.metadata.annotations[RENEW_ANNOTATION];
  const isServer = isControlPlane(machine);
  const provider = machine.metadata.ownerReferences.find(
    (owner) => owner.kind === "KubeadmControlPlane",
  )?.name;
  if (renewed === "rollout" && provider !== undefined) return { rollout: provider };
  if (renewed !== "ssh") {
    const way = isServer ? "roll out the control plane" : "replace the machine";
    return {
      kept: `${way}, or let it be renewed there with the annotation ${RENEW_ANNOTATION}: ssh on the Cluster`,
    };
  }
  switch (kind) {
    case "KubeadmConfig":
      return servers.every((server) => server === "kubelet")
        ? { kept: "its kubelet renews it by itself; see its pending certificate requests" }
        : { commands: kubeadm };
    case "RKE2Config":
      return { commands: rotation("rke2", isServer) };
    case "KThreesConfig":
      return { commands: rotation("k3s", isServer) };
    default:
      return { kept: "it is not known how a machine of this bootstrap provider renews; renew it by hand" };
  }
}

const restarted = ["kube-apiserver", "kube-controller", "kube-scheduler"];

const kubeadm: readonly RenewalCommand[] = [
  { argv: ["kubeadm", "certs", "renew", "all"], codes: [0] },
  // The kernel keeps 15 characters of a name. 1: there is no such process, then none has old certificates.
  ...restarted.map((name) => ({ argv: ["pkill", "-x", name.slice(0, 15)], codes: [0, 1] })),
];

function rotation(program: "rke2" | "k3s", isServer: boolean): readonly RenewalCommand[] {
  const service = program === "k3s" && isServer ? "k3s" : `${program}-${isServer ? "server" : "agent"}`;
  const rotate = isServer
    ? `systemctl stop ${service}; ${program} certificate rotate; systemctl start ${service}`
    : `systemctl restart ${service}`;
  const argv = ["systemd-run", "--collect", "--unit=capfn-certificate-rotate", "sh", "-c", rotate];
  return [{ argv, codes: [0] }];
}
