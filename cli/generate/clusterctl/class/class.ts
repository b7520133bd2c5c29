import { CLOUD_CONFIG, CLOUD_CONFIG_PREFIX } from "#cli/generate/clusterctl/addons/cloud-config.ts";
import { CLASS, templates, WORKER_CLASS } from "#cli/generate/clusterctl/class/parts.ts";
import { patches } from "#cli/generate/clusterctl/class/patches.ts";
import { classVariables } from "#cli/generate/clusterctl/class/variables.ts";
import { CORE, joinListener } from "#cli/generate/clusterctl/cluster.ts";
import type { Manifest } from "#cli/generate/clusterctl/text.ts";

/** Stands where a patch puts a value, in a template that must be valid as it is. */
const PATCHED = "set/by-the-cluster";

/** The ClusterClass and its templates. They have no namespace: they go where the Clusters are. */
export function clusterClass(): Manifest[] {
  return [
    {
      apiVersion: CORE,
      kind: "ClusterClass",
      metadata: { name: CLASS },
      spec: {
        infrastructure: { templateRef: templates.cluster },
        controlPlane: {
          templateRef: templates.controlPlane,
          machineInfrastructure: { templateRef: templates.controlPlaneMachine },
        },
        workers: {
          machineDeployments: [
            {
              class: WORKER_CLASS,
              bootstrap: { templateRef: templates.worker },
              infrastructure: { templateRef: templates.workerMachine },
            },
          ],
        },
        variables: classVariables,
        patches: patches(),
      },
    },
    template(templates.cluster, clusterSpec),
    template(templates.controlPlane, {
      // A patch can put something into a map only when that is there.
      agentConfig: { format: "cloud-config" },
      serverConfig: { cni: "calico", cloudProviderName: "external" },
      rolloutStrategy: { type: "RollingUpdate", rollingUpdate: { maxSurge: 1 } },
    }),
    template(templates.controlPlaneMachine, machineSpec),
    template(templates.workerMachine, machineSpec),
    template(templates.worker, { agentConfig: { format: "cloud-config" } }),
  ];
}

/** No endpoint: what a template says of it would be written back over what capfn has found. */
const clusterSpec = {
  targetNamespace: "default",
  identitySecret: { namespace: "default", name: "hv-identity-secret" },
  loadBalancerConfig: { ipamType: "dhcp", listeners: [joinListener] },
  updateCloudProviderConfig: {
    manifestsConfigMapNamespace: "default",
    manifestsConfigMapName: `${CLOUD_CONFIG_PREFIX}cluster`,
    manifestsConfigMapKey: CLOUD_CONFIG.file,
    cloudConfigCredentialsSecretName: CLOUD_CONFIG.secret,
    cloudConfigCredentialsSecretKey: CLOUD_CONFIG.key,
  },
};

const machineSpec = {
  cpu: 2,
  memory: "4Gi",
  sshUser: "sles",
  sshKeyPair: PATCHED,
  networks: [PATCHED],
  volumes: [{ volumeType: "image", imageName: PATCHED, volumeSize: "40Gi" }],
};

function template(
  { apiVersion, kind, name }: (typeof templates)[keyof typeof templates],
  spec: Manifest,
): Manifest {
  return { apiVersion, kind, metadata: { name }, spec: { template: { spec } } };
}
