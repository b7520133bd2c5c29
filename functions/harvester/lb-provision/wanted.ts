import { harvesterNames, machineTypeOf, ownerNamespaceLabel } from "#api/names.ts";
import { claimOn, clusterLabels } from "#functions/harvester/cluster-names.ts";
import type { LoadBalancerProvisionView } from "#functions/harvester/lb-provision/world.ts";
import { poolNameOf } from "#functions/harvester/lb-provision/world.ts";
import { labelValue } from "#functions/harvester/ownership.ts";
import type { LoadBalancer, Service } from "#platform/harvester/load-balancer.ts";

/** Port of the API server, on the load balancer and on the machines. */
export const API_PORT = 6443;
/** Stands for "by DHCP" in a Service (kube-vip). */
export const ANY_ADDRESS = "0.0.0.0";

type Json = Readonly<Record<string, unknown>>;
type Listener = LoadBalancer["spec"]["listeners"][number];

const apiServer: Listener = { name: "api-server", port: API_PORT, protocol: "TCP", backendPort: API_PORT };

/** The listeners of the spec and that of the API server. */
function wantedListeners({ object }: LoadBalancerProvisionView): readonly Listener[] {
  const own = object.spec.loadBalancerConfig.listeners ?? [];
  return [
    ...own.map(({ name, port, protocol, backendPort }) => ({ name, port, protocol, backendPort })),
    apiServer,
  ];
}

/** What Harvester would refuse of the listeners (its admission webhook), with the field; undefined when they can be served. */
export function listenerProblem(view: LoadBalancerProvisionView): string | undefined {
  const seen = new Map<string, string>();
  const own = wantedListeners(view);
  // The API server's own comes first, so that what clashes with it is named.
  for (const [index, listener] of [apiServer, ...own.slice(0, -1)].entries()) {
    const field = index === 0 ? "the listener of the API server" : `listeners[${index - 1}]`;
    const { name, port, protocol, backendPort } = listener;
    for (const number of [port, backendPort]) {
      if (number < 1 || number > 65_535)
        return `spec.loadBalancerConfig.${field}: ${number} is no port; give one from 1 to 65535`;
    }
    for (const key of [
      `name ${name}`,
      `port ${protocol} ${port}`,
      `backendPort ${protocol} ${backendPort}`,
    ]) {
      const other = seen.get(key);
      if (other !== undefined)
        return `spec.loadBalancerConfig.${field}: ${key} is taken by ${other}; give another one`;
      seen.set(key, field);
    }
  }
  return undefined;
}

/**
 * By which labels of VMs the load balancer finds its backends: the Cluster's name, and the machines' namespace, because Clusters of one name may share a
 * target namespace. The second only when every control plane VM carries it; those of the Go provider do not.
 */
function backendSelector({ object, related }: LoadBalancerProvisionView): Record<string, string[]> {
  const namespace = labelValue(object.meta.namespace ?? "");
  const marked = related.vms.every(({ metadata }) => metadata.labels[ownerNamespaceLabel] === namespace);
  return {
    [harvesterNames.machineType]: [machineTypeOf(related.cluster?.meta.name ?? "")],
    ...(marked && { [ownerNamespaceLabel]: [namespace] }),
  };
}

/** What may change in a LoadBalancer that serves; the rest decides about its address. */
function changeableSpec(view: LoadBalancerProvisionView) {
  const { description } = view.object.spec.loadBalancerConfig;
  return {
    description: description ?? `Load Balancer for cluster ${view.object.meta.name}`,
    listeners: wantedListeners(view),
    backendServerSelector: backendSelector(view),
    healthCheck: {
      port: API_PORT,
      successThreshold: 1,
      failureThreshold: 3,
      periodSeconds: 30,
      timeoutSeconds: 60,
    },
  };
}

/** Spec of the LoadBalancer to make. */
export function wantedBalancer(view: LoadBalancerProvisionView): Json {
  const ipPool = poolNameOf(view.object);
  return {
    workloadType: "vm",
    ipam: view.object.spec.loadBalancerConfig.ipamType,
    ...(ipPool !== undefined && { ipPool }),
    ...changeableSpec(view),
  };
}

/** Merge patch that sets the LoadBalancer right, without what decides about its address; undefined when it is right. */
export function balancerRepair(view: LoadBalancerProvisionView): Json | undefined {
  const { balancer, cluster } = view.related;
  if (balancer === undefined || cluster === undefined) return undefined;
  const wanted = changeableSpec(view);
  const spec = {
    ...(balancer.spec.description !== wanted.description && { description: wanted.description }),
    ...(!same(balancer.spec.listeners, wanted.listeners) && { listeners: wanted.listeners }),
    ...(!same(balancer.spec.healthCheck, wanted.healthCheck) && { healthCheck: wanted.healthCheck }),
    ...(!same(balancer.spec.backendServerSelector, wanted.backendServerSelector) && {
      backendServerSelector: {
        ...Object.fromEntries(Object.keys(balancer.spec.backendServerSelector).map((key) => [key, null])),
        ...wanted.backendServerSelector,
      },
    }),
  };
  return repairOf(
    spec,
    claimOn(balancer, view.object) === "ours" ? undefined : clusterLabels(view.object, cluster),
  );
}

/** The Service that reserves the address, while there is no control plane for a LoadBalancer. */
export function wantedService(address: string): Json {
  return {
    type: "LoadBalancer",
    loadBalancerIP: address,
    ipFamilies: ["IPv4"],
    allocateLoadBalancerNodePorts: true,
    ports: [{ name: apiServer.name, port: API_PORT, protocol: "TCP", targetPort: API_PORT }],
  };
}

/** Merge patch that sets the Service right; undefined when it is right. `address`: what it should ask for. */
export function serviceRepair(view: LoadBalancerProvisionView, address: string): Json | undefined {
  const { service, cluster } = view.related;
  if (service === undefined || cluster === undefined) return undefined;
  const { type, loadBalancerIP, ports } = service.spec;
  const portsNow = ports.map(({ name, port, protocol, targetPort }) => [name, port, protocol, targetPort]);
  const spec = {
    ...(type !== "LoadBalancer" && { type: "LoadBalancer" }),
    ...(loadBalancerIP !== address && { loadBalancerIP: address }),
    ...(!same(portsNow, [[apiServer.name, API_PORT, "TCP", API_PORT]]) && {
      ports: wantedService(address)["ports"],
    }),
  };
  const claimed = claimOn(service, view.object) === "ours" && isReservation(service);
  return repairOf(spec, claimed ? undefined : serviceLabels(view));
}

/** Labels of the Service: whose it is, and that it reserves an address. */
export function serviceLabels({ object, related }: LoadBalancerProvisionView): Json {
  return {
    ...(related.cluster !== undefined && clusterLabels(object, related.cluster)),
    [harvesterNames.serviceLoadBalancerLabel]: "true",
  };
}

/** Whether the Service says of itself that it reserves a load balancer's address. */
export function isReservation(service: Service): boolean {
  return service.metadata.labels[harvesterNames.serviceLoadBalancerLabel] === "true";
}

function repairOf(spec: Json, labels: Json | undefined): Json | undefined {
  if (labels === undefined && Object.keys(spec).length === 0) return undefined;
  return {
    ...(labels !== undefined && { metadata: { labels } }),
    ...(Object.keys(spec).length > 0 && { spec }),
  };
}

/** Whether two JSON values are equal; of objects the order of keys says nothing. */
function same(left: unknown, right: unknown): boolean {
  return JSON.stringify(left, sorted) === JSON.stringify(right, sorted);
}

function sorted(_key: string, value: unknown): unknown {
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? Object.fromEntries(Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1)))
    : value;
}
