import type { ResourceType } from "#platform/kube/resource.ts";

/** Every resource the product reads or writes, at the version it speaks. Nothing is discovered at run time. */
function resource(apiVersion: string, kind: string, plural: string, namespaced = true): ResourceType {
  const slash = apiVersion.indexOf("/");
  const group = slash < 0 ? "" : apiVersion.slice(0, slash);
  return { group, version: apiVersion.slice(slash + 1), kind, plural, namespaced };
}

const infrastructure = "infrastructure.cluster.x-k8s.io/v1beta1";
export const harvesterMachines = resource(infrastructure, "HarvesterMachine", "harvestermachines");
export const harvesterClusters = resource(infrastructure, "HarvesterCluster", "harvesterclusters");
export const harvesterMachineTemplates = resource(
  infrastructure,
  "HarvesterMachineTemplate",
  "harvestermachinetemplates",
);
export const harvesterClusterTemplates = resource(
  infrastructure,
  "HarvesterClusterTemplate",
  "harvesterclustertemplates",
);

const clusterApi = "cluster.x-k8s.io/v1beta2";
export const clusters = resource(clusterApi, "Cluster", "clusters");
export const machines = resource(clusterApi, "Machine", "machines");

export const kubeadmControlPlanes = resource(
  "controlplane.cluster.x-k8s.io/v1beta2",
  "KubeadmControlPlane",
  "kubeadmcontrolplanes",
);

const ipam = "ipam.cluster.x-k8s.io/v1beta2";
export const ipAddressClaims = resource(ipam, "IPAddressClaim", "ipaddressclaims");
/** What an IPAM provider gives for a claim; not a field of a machine. */
export const ipAddresses = resource(ipam, "IPAddress", "ipaddresses");

const capfn = "capfn.dev/v1alpha1";
export const harvesterIpPools = resource(capfn, "HarvesterIPPool", "harvesterippools");
export const eventInjections = resource(capfn, "EventInjection", "eventinjections");
export const remediationRequests = resource(capfn, "RemediationRequest", "remediationrequests");
export const machineRemediations = resource(capfn, "MachineRemediation", "machineremediations");

/** cert-manager's; an object of its API, not an X.509 certificate. */
export const certificates = resource("cert-manager.io/v1", "Certificate", "certificates");

export const secrets = resource("v1", "Secret", "secrets");
export const configMaps = resource("v1", "ConfigMap", "configmaps");
export const namespaces = resource("v1", "Namespace", "namespaces", false);
export const nodes = resource("v1", "Node", "nodes", false);
export const pods = resource("v1", "Pod", "pods");
export const services = resource("v1", "Service", "services");
export const persistentVolumeClaims = resource("v1", "PersistentVolumeClaim", "persistentvolumeclaims");
/** Core v1 events: what `kubectl describe` shows. */
export const events = resource("v1", "Event", "events");
export const certificateSigningRequests = resource(
  "certificates.k8s.io/v1",
  "CertificateSigningRequest",
  "certificatesigningrequests",
  false,
);
export const deployments = resource("apps/v1", "Deployment", "deployments");
export const serviceAccounts = resource("v1", "ServiceAccount", "serviceaccounts");
export const clusterRoleBindings = resource(
  "rbac.authorization.k8s.io/v1",
  "ClusterRoleBinding",
  "clusterrolebindings",
  false,
);
/** A question to the API server; it stores none. */
export const tokenReviews = resource("authentication.k8s.io/v1", "TokenReview", "tokenreviews", false);
export const clusterRoles = resource("rbac.authorization.k8s.io/v1", "ClusterRole", "clusterroles", false);
/** Likewise: whether somebody may do something. */
export const subjectAccessReviews = resource(
  "authorization.k8s.io/v1",
  "SubjectAccessReview",
  "subjectaccessreviews",
  false,
);
export const leases = resource("coordination.k8s.io/v1", "Lease", "leases");
export const customResourceDefinitions = resource(
  "apiextensions.k8s.io/v1",
  "CustomResourceDefinition",
  "customresourcedefinitions",
  false,
);

export const validatingWebhookConfigurations = resource(
  "admissionregistration.k8s.io/v1",
  "ValidatingWebhookConfiguration",
  "validatingwebhookconfigurations",
  false,
);
/** Rancher's own Cluster; cluster-scoped, named by Rancher. */
export const rancherClusters = resource("management.cattle.io/v3", "Cluster", "clusters", false);
/** What Rancher imports or provisions, by its user's name for it. */
export const provisioningClusters = resource("provisioning.cattle.io/v1", "Cluster", "clusters");
/** What Fleet deploys to; in the namespace of its workspace. */
export const fleetClusters = resource("fleet.cattle.io/v1alpha1", "Cluster", "clusters");

export const virtualMachines = resource("kubevirt.io/v1", "VirtualMachine", "virtualmachines");
export const virtualMachineInstances = resource(
  "kubevirt.io/v1",
  "VirtualMachineInstance",
  "virtualmachineinstances",
);
export const networkAttachmentDefinitions = resource(
  "k8s.cni.cncf.io/v1",
  "NetworkAttachmentDefinition",
  "network-attachment-definitions",
);

const harvester = "harvesterhci.io/v1beta1";
export const virtualMachineImages = resource(harvester, "VirtualMachineImage", "virtualmachineimages");
export const keyPairs = resource(harvester, "KeyPair", "keypairs");

const harvesterLoadBalancer = "loadbalancer.harvesterhci.io/v1beta1";
/** Cluster-scoped: a pool serves namespaces through its selector. */
export const ipPools = resource(harvesterLoadBalancer, "IPPool", "ippools", false);
export const loadBalancers = resource(harvesterLoadBalancer, "LoadBalancer", "loadbalancers");

export const machineDeployments: ResourceType = {
  group: "cluster.x-k8s.io",
  version: "v1beta2",
  kind: "MachineDeployment",
  plural: "machinedeployments",
  namespaced: true,
};
