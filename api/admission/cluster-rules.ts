import { isGiven, isLabel, isSubdomain, isUnique, liesIn, text } from "#api/admission/cel.ts";
import { inlinePoolRules, mostEntries, vmNetworkRules } from "#api/admission/network-rules.ts";
import { clusters, clustersAndTemplates, type AdmissionRule } from "#api/admission/rule.ts";

const balancer = "loadBalancerConfig";

const basics: readonly AdmissionRule[] = [
  {
    name: "targetNamespace",
    kinds: clustersAndTemplates,
    field: "targetNamespace",
    judges: "text",
    holds: isLabel("value"),
    problem: "cannot be the name of a namespace",
    mend: "name the namespace on Harvester for the VMs, in lower-case letters, digits and dashes",
  },
  {
    name: "identityName",
    kinds: clustersAndTemplates,
    field: "identitySecret.name",
    judges: "text",
    holds: isSubdomain("value"),
    problem: "cannot be the name of a Secret",
    mend: "name the Secret with the kubeconfig of Harvester",
  },
  {
    name: "identityNamespace",
    kinds: clustersAndTemplates,
    field: "identitySecret.namespace",
    judges: "text",
    holds: isLabel("value"),
    problem: "cannot be the name of a namespace",
    mend: "name the namespace of the Secret with the kubeconfig of Harvester",
  },
  ...[
    "manifestsConfigMapNamespace",
    "manifestsConfigMapName",
    "manifestsConfigMapKey",
    "cloudConfigCredentialsSecretName",
    "cloudConfigCredentialsSecretKey",
  ].map((field): AdmissionRule => ({
    name: field,
    kinds: clustersAndTemplates,
    field: `updateCloudProviderConfig.${field}`,
    judges: "text",
    holds: "value.matches('^[-._a-zA-Z0-9]+$')",
    problem: "has a character that no name or key may have",
    mend: "give it, or leave out updateCloudProviderConfig",
  })),
];

const loadBalancer: readonly AdmissionRule[] = [
  {
    name: "balancerPool",
    kinds: clusters,
    field: balancer,
    judges: "value",
    holds: `${text(`spec.${balancer}.ipamType`)} != 'pool' || ${text(`spec.${balancer}.ipPoolRef`)} != '' || ${isGiven(`spec.${balancer}.ipPool`)}`,
    problem: "names no pool, and ipamType is pool",
    mend: "give ipPoolRef or ipPool, or set ipamType to dhcp",
  },
  {
    // The name of the pool made from `ipPool` is written into `ipPoolRef`; it ends in -ippool, or for a long one in a hash.
    name: "balancerPoolTwice",
    kinds: clusters,
    field: `${balancer}.ipPool`,
    judges: "value",
    holds: `!${isGiven(`spec.${balancer}.ipPool`)} || ${text(`spec.${balancer}.ipPoolRef`)}.matches('^$|-ippool$|-[0-9a-f]{8}$')`,
    problem: `stands next to ipPoolRef {{${text(`spec.${balancer}.ipPoolRef`)}}}, which would win`,
    mend: "give one of the two",
  },
  {
    name: "balancerPoolName",
    kinds: clustersAndTemplates,
    field: `${balancer}.ipPoolRef`,
    judges: "optional text",
    holds: isSubdomain("value"),
    problem: "cannot be the name of an IPPool",
    mend: "give the name it has on Harvester",
  },
  mostEntries("listenersMany", `${balancer}.listeners`, clustersAndTemplates),
  {
    name: "listenerPorts",
    kinds: clustersAndTemplates,
    field: `${balancer}.listeners[]`,
    judges: "entries",
    holds: "item.port >= 1 && item.port <= 65535 && item.backendPort >= 1 && item.backendPort <= 65535",
    problem: "has a port or backendPort that is none",
    mend: "give ports from 1 to 65535",
  },
  ...[
    { name: "listenerNames", field: "name", compares: "item.name", taken: "'api-server'" },
    ...["port", "backendPort"].map((field) => ({
      name: field === "port" ? "listenerPortsTwice" : "listenerBackendsTwice",
      field,
      compares: `item.protocol + ' ' + string(item.${field})`,
      taken: "'TCP 6443'",
    })),
  ].map(({ name, field, compares, taken }): AdmissionRule => ({
    name,
    kinds: clustersAndTemplates,
    field: `${balancer}.listeners[].${field}`,
    judges: "entries",
    compares,
    holds: `own != ${taken} && ${isUnique}`,
    problem: "is taken, by another listener or by that of the API server (api-server, TCP 6443)",
    mend: "give each listener its own",
  })),
];

/** The pool that addresses of VMs come from must be reachable through the gateway they are given. */
const gatewayOfPool: AdmissionRule = {
  name: "vmGatewayInside",
  kinds: clustersAndTemplates,
  field: "vmNetworkConfig.gateway",
  judges: "value",
  holds: liesIn(text("spec.vmNetworkConfig.gateway"), text("spec.vmNetworkConfig.ipPool.subnet")),
  problem: `{{${text("spec.vmNetworkConfig.gateway")}}} lies outside ipPool.subnet {{${text("spec.vmNetworkConfig.ipPool.subnet")}}}`,
  mend: "correct one of the two",
};

/** What a HarvesterCluster and its template must keep, whatever they were before. */
export const clusterRules: readonly AdmissionRule[] = [
  ...basics,
  ...loadBalancer,
  ...inlinePoolRules("balancerIpPool", `${balancer}.ipPool`),
  ...vmNetworkRules(clusters, clustersAndTemplates),
  gatewayOfPool,
  ...inlinePoolRules("vmIpPool", "vmNetworkConfig.ipPool"),
];
