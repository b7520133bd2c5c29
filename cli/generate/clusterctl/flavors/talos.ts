import { addons } from "#cli/generate/clusterctl/addons/index.ts";
import { beside, cluster, harvesterCluster, identitySecret } from "#cli/generate/clusterctl/cluster.ts";
import { machineTemplate, machineTemplateRef, workers } from "#cli/generate/clusterctl/machines.ts";
import { storageApiVersion } from "#api/names.ts";
import type { Manifest } from "#cli/generate/clusterctl/text.ts";
import { named, variable } from "#cli/generate/clusterctl/variables.ts";

/** API version that every release of the Talos providers serves. */
const TALOS_API = "v1alpha3";

/** Nodes register without their provider ID; capfn gives it to them. The network is the one that Talos brings. */
const configPatches = [{ op: "add", path: "/cluster/externalCloudProvider", value: { enabled: true } }];

function config(generateType: "controlplane" | "worker"): Manifest {
  return { generateType, talosVersion: variable("TALOS_VERSION", "v1.11"), configPatches };
}

/** Every object of a cluster with Talos Linux. Its machines take no SSH key; a HarvesterMachine names one all the same. */
export function talosCluster(): Manifest[] {
  const name = named("control-plane");
  const sshUser = variable("VM_SSH_USER", "talos");
  const version = variable("KUBERNETES_VERSION");
  const { kind, name: templateName } = machineTemplateRef("control-plane");
  return [
    cluster(
      { apiGroup: "controlplane.cluster.x-k8s.io", kind: "TalosControlPlane", name },
      {
        pods: { cidrBlocks: [variable("POD_CIDR", "10.244.0.0/16")] },
        services: { cidrBlocks: [variable("SERVICE_CIDR", "10.96.0.0/12")] },
        serviceDomain: "cluster.local",
      },
    ),
    harvesterCluster({ address: "dhcp", rke2: false, credentials: "made" }),
    identitySecret(),
    {
      apiVersion: `controlplane.cluster.x-k8s.io/${TALOS_API}`,
      kind: "TalosControlPlane",
      metadata: beside(name),
      spec: {
        replicas: variable("CONTROL_PLANE_MACHINE_COUNT"),
        version,
        infrastructureTemplate: {
          apiVersion: storageApiVersion,
          kind,
          name: templateName,
          namespace: variable("NAMESPACE"),
        },
        controlPlaneConfig: { controlplane: config("controlplane") },
      },
    },
    machineTemplate("control-plane", { sshUser }),
    {
      apiVersion: `bootstrap.cluster.x-k8s.io/${TALOS_API}`,
      kind: "TalosConfigTemplate",
      metadata: beside(named("worker")),
      spec: { template: { spec: config("worker") } },
    },
    machineTemplate("worker", { sshUser }),
    workers("TalosConfigTemplate", version),
    ...addons({ credentials: "made", calico: false }),
  ];
}
