import { storageApiVersion } from "#api/names.ts";

/** Name of the ClusterClass. */
export const CLASS = "harvester-rke2";
/** Class of its workers. */
export const WORKER_CLASS = "default-worker";

/** The templates of the class; patches name them by kind and version. */
export const templates = {
  cluster: {
    apiVersion: storageApiVersion,
    kind: "HarvesterClusterTemplate",
    name: `${CLASS}-cluster`,
  },
  controlPlane: {
    apiVersion: "controlplane.cluster.x-k8s.io/v1beta2",
    kind: "RKE2ControlPlaneTemplate",
    name: `${CLASS}-control-plane`,
  },
  controlPlaneMachine: {
    apiVersion: storageApiVersion,
    kind: "HarvesterMachineTemplate",
    name: `${CLASS}-control-plane`,
  },
  worker: {
    apiVersion: "bootstrap.cluster.x-k8s.io/v1beta2",
    kind: "RKE2ConfigTemplate",
    name: `${CLASS}-worker`,
  },
  workerMachine: {
    apiVersion: storageApiVersion,
    kind: "HarvesterMachineTemplate",
    name: `${CLASS}-worker`,
  },
} as const;
