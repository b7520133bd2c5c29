import { kubeObjectManifests } from "#cli/lab/manifests.ts";
import type { NewObject } from "#platform/kube/resource.ts";
import { NAMESPACE, VERSION } from "#test/e2e/contract/names.ts";
import { harvesterClusterSpec, kubeadmConfigSpec, machineSpec } from "#test/e2e/contract/objects.ts";

const INFRASTRUCTURE = "infrastructure.cluster.x-k8s.io/v1beta1";

/** A small ClusterClass of capfn's templates and the kubeadm providers', with one variable: the cores of a machine. */
export function clusterClass(name: string, cluster: string): NewObject[] {
  const machineTemplate = `{ apiVersion: ${INFRASTRUCTURE}, kind: HarvesterMachineTemplate, name: ${name} }`;
  return kubeObjectManifests(`
apiVersion: ${INFRASTRUCTURE}
kind: HarvesterClusterTemplate
metadata: { name: ${name}, namespace: ${NAMESPACE} }
spec: ${JSON.stringify({ template: { spec: harvesterClusterSpec(cluster) } })}
---
apiVersion: ${INFRASTRUCTURE}
kind: HarvesterMachineTemplate
metadata: { name: ${name}, namespace: ${NAMESPACE} }
spec: ${JSON.stringify({ template: { spec: machineSpec } })}
---
apiVersion: controlplane.cluster.x-k8s.io/v1beta2
kind: KubeadmControlPlaneTemplate
metadata: { name: ${name}, namespace: ${NAMESPACE} }
spec:
  template:
    spec: ${JSON.stringify({ kubeadmConfigSpec })}
---
apiVersion: bootstrap.cluster.x-k8s.io/v1beta2
kind: KubeadmConfigTemplate
metadata: { name: ${name}, namespace: ${NAMESPACE} }
spec: ${JSON.stringify({ template: { spec: { joinConfiguration: kubeadmConfigSpec.joinConfiguration } } })}
---
apiVersion: cluster.x-k8s.io/v1beta2
kind: ClusterClass
metadata: { name: ${name}, namespace: ${NAMESPACE} }
spec:
  infrastructure:
    templateRef: { apiVersion: ${INFRASTRUCTURE}, kind: HarvesterClusterTemplate, name: ${name} }
  controlPlane:
    templateRef:
      apiVersion: controlplane.cluster.x-k8s.io/v1beta2
      kind: KubeadmControlPlaneTemplate
      name: ${name}
    machineInfrastructure: { templateRef: ${machineTemplate} }
  workers:
    machineDeployments:
      - class: worker
        bootstrap:
          templateRef:
            apiVersion: bootstrap.cluster.x-k8s.io/v1beta2
            kind: KubeadmConfigTemplate
            name: ${name}
        infrastructure: { templateRef: ${machineTemplate} }
  variables:
    - name: cpu
      required: false
      schema: { openAPIV3Schema: { type: integer, default: 2 } }
  patches:
    - name: cpu
      definitions:
        - selector:
            apiVersion: ${INFRASTRUCTURE}
            kind: HarvesterMachineTemplate
            matchResources: { controlPlane: true, machineDeploymentClass: { names: [worker] } }
          jsonPatches:
            - { op: replace, path: /spec/template/spec/cpu, valueFrom: { variable: cpu } }
`);
}

/** A Cluster of that class: one control plane machine and one worker. */
export function classyCluster(name: string, className: string): NewObject[] {
  return kubeObjectManifests(`
apiVersion: cluster.x-k8s.io/v1beta2
kind: Cluster
metadata: { name: ${name}, namespace: ${NAMESPACE} }
spec:
  topology:
    classRef: { name: ${className} }
    version: ${VERSION}
    controlPlane: { replicas: 1 }
    workers: { machineDeployments: [{ class: worker, name: workers, replicas: 1 }] }
`);
}
