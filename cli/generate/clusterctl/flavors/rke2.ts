import { addons } from "#cli/generate/clusterctl/addons/index.ts";
import {
  beside,
  cluster,
  harvesterCluster,
  identitySecret,
  type HarvesterClusterOptions,
} from "#cli/generate/clusterctl/cluster.ts";
import { machineTemplate, machineTemplateRef, workers } from "#cli/generate/clusterctl/machines.ts";
import type { Manifest } from "#cli/generate/clusterctl/text.ts";
import { named, variable } from "#cli/generate/clusterctl/variables.ts";

/** API version of RKE2's control plane and bootstrap kinds: that of the contract v1beta2. */
const RKE2_VERSION = "v1beta2";

/** Versions of RKE2 are those of Kubernetes with a revision. */
export const rke2Version = `${variable("KUBERNETES_VERSION")}+rke2r${variable("RKE2_REVISION", "1")}`;

export interface Rke2Options extends Pick<HarvesterClusterOptions, "address" | "credentials"> {
  /** Merged into the RKE2ControlPlane's spec. */
  readonly controlPlane?: Manifest;
  /** Merged into its `serverConfig`. */
  readonly server?: Manifest;
  /** Spec of the RKE2Configs of workers. */
  readonly worker?: Manifest;
  readonly hardened?: boolean;
}

/** Every object of a cluster with RKE2. */
export function rke2Cluster(options: Rke2Options): Manifest[] {
  const { address, credentials, hardened = false } = options;
  const sshUser = variable("SSH_USER", hardened ? "sles" : "ubuntu");
  const name = named("control-plane");
  return [
    cluster({ apiGroup: "controlplane.cluster.x-k8s.io", kind: "RKE2ControlPlane", name }),
    harvesterCluster({ address, credentials, rke2: true }),
    identitySecret(),
    controlPlane(name, options),
    machineTemplate("control-plane", { sshUser, hardened }),
    {
      apiVersion: `bootstrap.cluster.x-k8s.io/${RKE2_VERSION}`,
      kind: "RKE2ConfigTemplate",
      metadata: beside(named("worker")),
      spec: { template: { spec: options.worker ?? {} } },
    },
    machineTemplate("worker", { sshUser, hardened }),
    workers("RKE2ConfigTemplate", rke2Version),
    ...addons({ credentials, calico: true }),
  ];
}

function controlPlane(name: string, { controlPlane: further, server }: Rke2Options): Manifest {
  return {
    apiVersion: `controlplane.cluster.x-k8s.io/${RKE2_VERSION}`,
    kind: "RKE2ControlPlane",
    metadata: beside(name),
    spec: {
      replicas: variable("CONTROL_PLANE_MACHINE_COUNT"),
      version: rke2Version,
      machineTemplate: { spec: { infrastructureRef: machineTemplateRef("control-plane") } },
      rolloutStrategy: { type: "RollingUpdate", rollingUpdate: { maxSurge: 1 } },
      serverConfig: { cni: "calico", cloudProviderName: "external", ...server },
      ...further,
    },
  };
}
