/**
 * The fields of the four kinds as the Go provider declares them: the contract with every object that exists. `!` is required.
 * Fields of capfn's own are in `additions`.
 */

const ipPool = `
vmNetwork! string
subnet! string
gateway! string
rangeStart string
rangeEnd string`;

const vmNetworkConfig = `
gateway! string
subnetMask! string
ipPoolRef string
ipPoolRefs string[]
ipPool object
${under("ipPool", ipPool)}
dnsServers string[]
dnsSearch string[]`;

export const clusterSpec = `
server string
identitySecret! object
identitySecret.namespace! string
identitySecret.name! string
loadBalancerConfig! object
loadBalancerConfig.ipamType! string
loadBalancerConfig.ipPoolRef string
loadBalancerConfig.ipPool object
${under("loadBalancerConfig.ipPool", ipPool)}
loadBalancerConfig.listeners object[]
loadBalancerConfig.listeners[].name! string
loadBalancerConfig.listeners[].port! integer int32
loadBalancerConfig.listeners[].protocol! string
loadBalancerConfig.listeners[].backendPort! integer int32
loadBalancerConfig.description string
controlPlaneEndpoint object
controlPlaneEndpoint.host string
controlPlaneEndpoint.port integer int32
targetNamespace! string
updateCloudProviderConfig object
updateCloudProviderConfig.manifestsConfigMapNamespace! string
updateCloudProviderConfig.manifestsConfigMapName! string
updateCloudProviderConfig.manifestsConfigMapKey! string
updateCloudProviderConfig.cloudConfigCredentialsSecretName! string
updateCloudProviderConfig.cloudConfigCredentialsSecretKey! string
vmNetworkConfig object
${under("vmNetworkConfig", vmNetworkConfig)}`;

const conditions = `
ready boolean
initialization object
initialization.provisioned boolean
conditions object[]
conditions[].type! string
conditions[].status! string
conditions[].reason! string
conditions[].message! string
conditions[].lastTransitionTime! string date-time
conditions[].observedGeneration integer int64`;

export const clusterStatus = `${conditions}
failureDomains object[]
failureDomains[].name! string
failureDomains[].controlPlane boolean
failureDomains[].attributes map of string`;

const expressions = (path: string) => `
${path} object[]
${path}[].key! string
${path}[].operator! string
${path}[].values string[]`;

const nodeSelectorTerm = (path: string) =>
  `${expressions(`${path}.matchExpressions`)}${expressions(`${path}.matchFields`)}`;

const preferred = "preferredDuringSchedulingIgnoredDuringExecution";
const required = "requiredDuringSchedulingIgnoredDuringExecution";

const nodeAffinity = `
${preferred} object[]
${preferred}[].weight! integer int32
${preferred}[].preference! object
${nodeSelectorTerm(`${preferred}[].preference`)}
${required} object
${required}.nodeSelectorTerms! object[]
${nodeSelectorTerm(`${required}.nodeSelectorTerms[]`)}`;

const labelSelector = (path: string) => `
${path} object
${path}.matchLabels map of string
${expressions(`${path}.matchExpressions`)}`;

const podAffinityTerm = (path: string) => `
${labelSelector(`${path}.labelSelector`)}
${labelSelector(`${path}.namespaceSelector`)}
${path}.namespaces string[]
${path}.topologyKey! string
${path}.matchLabelKeys string[]
${path}.mismatchLabelKeys string[]`;

const podAffinity = `
${preferred} object[]
${preferred}[].weight! integer int32
${preferred}[].podAffinityTerm! object
${podAffinityTerm(`${preferred}[].podAffinityTerm`)}
${required} object[]
${podAffinityTerm(`${required}[]`)}`;

export const machineSpec = `
providerID string
failureDomain string
cpu! integer int32
memory! string
sshUser! string
sshKeyPair! string
volumes! object[]
volumes[].volumeType! string
volumes[].imageName string
volumes[].storageClass string
volumes[].volumeSize quantity
volumes[].bootOrder integer
networks! string[]
nodeAffinity object
${under("nodeAffinity", nodeAffinity)}
workloadAffinity object
${under("workloadAffinity", podAffinity)}
networkConfig object
networkConfig.address! string
networkConfig.gateway! string
networkConfig.dnsServers string[]
networkConfig.dnsSearch string[]
vmNetworkConfig object
${under("vmNetworkConfig", vmNetworkConfig)}
firmware object
firmware.efi boolean
firmware.secureBoot boolean
tpm object
tpm.enabled boolean
tpm.persistent boolean`;

export const machineStatus = `${conditions}
addresses object[]
addresses[].type! string
addresses[].address! string
allocatedIPAddress string
allocatedPoolRef string
failureDomain string`;

/** What v1alpha1 has on top in both statuses. */
export const deadFields = `
failureReason string
failureMessage string`;

export const templateMetadata = `
template.metadata object
template.metadata.labels map of string
template.metadata.annotations map of string`;

const ipamNetworkConfig = `
ipamNetworkConfig object
ipamNetworkConfig.pools! object[]
ipamNetworkConfig.pools[].apiGroup! string
ipamNetworkConfig.pools[].kind! string
ipamNetworkConfig.pools[].name! string
ipamNetworkConfig.gateway string
ipamNetworkConfig.dnsServers string[]
ipamNetworkConfig.dnsSearch string[]`;

/** Fields below a cluster's spec that are capfn's own. */
export const clusterAdditions = ["failureDomainSource string", ...lines(ipamNetworkConfig)];

/** Fields below a machine's spec that are capfn's own. */
export const additions = [
  "networkConfig.subnetMask string",
  "volumes[].accessMode string",
  "volumes[].volumeMode string",
  "failureDomainPolicy string",
  ...lines(ipamNetworkConfig),
];

/** The non-empty lines of a table, each below a path. */
export function under(path: string, table: string): string {
  return lines(table)
    .map((line) => `${path}.${line}`)
    .join("\n");
}

export function lines(table: string): string[] {
  return table
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "");
}
