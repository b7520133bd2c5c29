import { clusterReasons } from "#api/condition-names.ts";
import { harvesterNames, machineTypeOf } from "#api/names.ts";
import { mayProvide } from "#functions/harvester/cluster-hold.ts";
import { claimOn, loadBalancerHolder, loadBalancerName } from "#functions/harvester/cluster-names.ts";
import type { Verdict } from "#functions/harvester/cluster-report.ts";
import {
  ANY_ADDRESS,
  balancerRepair,
  isReservation,
  listenerProblem,
  serviceRepair,
} from "#functions/harvester/lb-provision/wanted.ts";
import { poolNameOf, type LoadBalancerProvisionView } from "#functions/harvester/lb-provision/world.ts";
import { endpointOf } from "#functions/harvester/owner-cluster.ts";
import { ENDPOINT_ANNOTATION } from "#platform/cluster-api/harvester-cluster.ts";
import { parseIp } from "#platform/harvester/ip-address.ts";
import { contains } from "#platform/harvester/ip-pool-ranges.ts";
import { givenAddress, ingressAddress } from "#platform/harvester/load-balancer.ts";

/** The one thing to do now. */
export type Step =
  | { readonly kind: "none" }
  /** Reserve an address in the pool, then make the Service with it. `only`: that one or none, because the endpoint is fixed. */
  | { readonly kind: "reserve"; readonly only: string | undefined }
  | { readonly kind: "createService"; readonly address: string }
  | { readonly kind: "repairService"; readonly patch: Readonly<Record<string, unknown>> }
  | { readonly kind: "createBalancer" }
  | { readonly kind: "repairBalancer"; readonly patch: Readonly<Record<string, unknown>> }
  /** Write the endpoint, once, and that it is ours. */
  | { readonly kind: "writeEndpoint"; readonly host: string };

export interface LoadBalancerPlan {
  readonly step: Step;
  /** What `LoadBalancerReady` should say; undefined: nothing is to be said. */
  readonly verdict: Verdict | undefined;
  /** The verdict only tells that something is under way: worth a write only when that takes its time. */
  readonly passing: boolean;
}

const nothing: LoadBalancerPlan = { step: { kind: "none" }, verdict: undefined, passing: false };

/** Pure. What stands between the cluster and an endpoint that works, in order; told from the world alone. */
export function planOf(view: LoadBalancerProvisionView): LoadBalancerPlan {
  const { object, related } = view;
  if (!mayProvide(object, related.cluster)) return nothing;
  const { balancer, service, vms } = related;
  if (!isEndpointOurs(view)) return nothing;
  const problem = listenerProblem(view) ?? poolProblem(view);
  if (problem !== undefined) return stuck(clusterReasons.LoadBalancerNotReady, problem);
  const taken = nameTaken(view);
  if (taken !== undefined) return stuck(clusterReasons.LoadBalancerNameTaken, taken);
  if (balancer !== undefined) return planWithBalancer(view);
  if (vms.length > 0) return { step: { kind: "createBalancer" }, verdict: undefined, passing: false };
  const wanted = wantedAddress(view);
  if ("verdict" in wanted) return wanted;
  if (service === undefined) {
    return { step: { kind: "createService", address: wanted.address }, verdict: undefined, passing: false };
  }
  const patch = serviceRepair(view, wanted.address);
  if (patch !== undefined)
    return { step: { kind: "repairService", patch }, verdict: undefined, passing: false };
  const address = ingressAddress(service);
  if (address === undefined) return underWay(`Service ${loadBalancerHolder(object)} has no address yet`);
  return withAddress(view, address, {
    status: "False",
    reason: clusterReasons.LoadBalancerNoBackendMachine,
    message: `address ${address} is reserved; the load balancer is made with the first control plane VM`,
  });
}

/**
 * Whether the endpoint is for us to provide: it is not set yet, or we, or the Go provider, took it from a load balancer. One that a person or
 * another system has set is left alone (Cluster API contract, InfraCluster: control plane endpoint).
 */
function isEndpointOurs(view: LoadBalancerProvisionView): boolean {
  const { object, related } = view;
  const endpoint = endpointOf(object);
  if (endpoint === undefined || isMarked(view)) return true;
  const addresses = [
    related.balancer === undefined || claimOn(related.balancer, object) === "foreign"
      ? undefined
      : related.balancer.status.address,
    related.service === undefined || claimOn(related.service, object) === "foreign"
      ? undefined
      : ingressAddress(related.service),
  ];
  return addresses.includes(endpoint.host);
}

function isMarked({ object }: LoadBalancerProvisionView): boolean {
  return object.metadata.annotations[ENDPOINT_ANNOTATION] !== undefined;
}

/** Why an object of the load balancer's name cannot be used; undefined when none is in the way. Without labels it must be what the Go provider makes. */
function nameTaken({ object, related }: LoadBalancerProvisionView): string | undefined {
  const { balancer, service, cluster } = related;
  const machineType = machineTypeOf(cluster?.meta.name ?? "");
  const name = loadBalancerHolder(object);
  if (balancer !== undefined) {
    const claim = claimOn(balancer, object);
    const fits =
      balancer.spec.backendServerSelector[harvesterNames.machineType]?.includes(machineType) === true;
    if (claim === "foreign" || (claim === "unclaimed" && !fits))
      return `LoadBalancer ${name} exists and is not this cluster's; delete it, or rename the cluster`;
    // Its Service is Harvester's own.
    return undefined;
  }
  if (service === undefined) return undefined;
  const claim = claimOn(service, object);
  return claim === "foreign" || (claim === "unclaimed" && !isReservation(service))
    ? `Service ${name} exists and is not this cluster's; delete it, or rename the cluster`
    : undefined;
}

function planWithBalancer(view: LoadBalancerProvisionView): LoadBalancerPlan {
  const { object } = view;
  const { balancer } = view.related;
  const name = loadBalancerHolder(object);
  if (balancer === undefined) return nothing;
  if (balancer.meta.deletionTimestamp !== undefined)
    return underWay(`LoadBalancer ${name} is being deleted; it is made anew when it is gone`);
  const patch = balancerRepair(view);
  if (patch !== undefined)
    return { step: { kind: "repairBalancer", patch }, verdict: undefined, passing: false };
  const address = givenAddress(balancer.status.address);
  const { ipam, ipPool = "" } = balancer.spec;
  const pool = poolNameOf(object) ?? "";
  if (ipam !== object.spec.loadBalancerConfig.ipamType || ipPool !== pool) {
    const from = ipam === "pool" ? `IPPool ${ipPool}` : String(ipam);
    return stuck(
      clusterReasons.LoadBalancerNotReady,
      `LoadBalancer ${name} takes its address from ${from}, and would lose it if that were changed; put spec.loadBalancerConfig back, or delete the LoadBalancer to have it made anew`,
    );
  }
  if (address === undefined) {
    return isExhausted(view) ? exhausted(view) : underWay(`LoadBalancer ${name} has no address yet`);
  }
  return withAddress(view, address, {
    status: "True",
    reason: clusterReasons.LoadBalancerReady,
    message: `LoadBalancer ${name} serves at ${address}`,
  });
}

/** The endpoint is written once and never moved: machines, kubeconfigs and certificates name it. */
function withAddress(view: LoadBalancerProvisionView, address: string, fine: Verdict): LoadBalancerPlan {
  const endpoint = endpointOf(view.object);
  if (endpoint !== undefined && endpoint.host !== address) {
    return stuck(
      clusterReasons.LoadBalancerAddressChanged,
      `the load balancer ${loadBalancerName(view.object)} has address ${address}, but spec.controlPlaneEndpoint names ${endpoint.host}, which is never moved; give the load balancer its former address back`,
    );
  }
  return {
    step:
      endpoint === undefined || !isMarked(view) ? { kind: "writeEndpoint", host: address } : { kind: "none" },
    verdict: fine,
    passing: false,
  };
}

/** The address the Service should ask for, or why there is none. */
function wantedAddress(view: LoadBalancerProvisionView): { readonly address: string } | LoadBalancerPlan {
  const { object, related } = view;
  if (object.spec.loadBalancerConfig.ipamType !== "pool") return { address: ANY_ADDRESS };
  const only = endpointOf(object)?.host;
  const held = related.pool?.summary.addressesOf(loadBalancerHolder(object)) ?? [];
  const address = only === undefined ? held[0] : held.find((each) => each === only);
  if (address !== undefined) return { address };
  if (only !== undefined && related.pool?.status.allocated[only] !== undefined) {
    return stuck(
      clusterReasons.LoadBalancerAddressChanged,
      `IPPool ${related.pool.meta.name} gives address ${only} of spec.controlPlaneEndpoint to another holder`,
    );
  }
  if (only !== undefined && !isInRanges(view, only)) {
    return stuck(
      clusterReasons.LoadBalancerAddressChanged,
      `address ${only} of spec.controlPlaneEndpoint is none of IPPool ${poolNameOf(object) ?? ""}; give the pool back the range it lies in`,
    );
  }
  if (isExhausted(view)) return exhausted(view);
  return { step: { kind: "reserve", only }, verdict: undefined, passing: false };
}

/** What is wrong with the pool the address is to come from. */
function poolProblem({ object, related }: LoadBalancerProvisionView): string | undefined {
  if (object.spec.loadBalancerConfig.ipamType !== "pool") return undefined;
  const name = poolNameOf(object);
  if (name === undefined)
    return "spec.loadBalancerConfig.ipamType is pool and no pool is given; set ipPoolRef or ipPool";
  const { pool } = related;
  if (pool === undefined || pool.meta.deletionTimestamp !== undefined) return `IPPool ${name} does not exist`;
  const { ranges } = pool.summary;
  return "problem" in ranges
    ? `IPPool ${name} is malformed: ${ranges.problem.field} ${ranges.problem.message}`
    : undefined;
}

function isInRanges({ related }: LoadBalancerProvisionView, address: string): boolean {
  const ip = parseIp(address);
  const ranges = related.pool?.summary.ranges;
  if (ip === undefined || ranges === undefined || "problem" in ranges) return false;
  return ranges.pool.ranges.some((range) => contains(range, ip));
}

function isExhausted({ object, related }: LoadBalancerProvisionView): boolean {
  const { pool } = related;
  return (
    pool !== undefined &&
    pool.summary.free === 0 &&
    pool.summary.addressesOf(loadBalancerHolder(object)).length === 0
  );
}

function exhausted({ object }: LoadBalancerProvisionView): LoadBalancerPlan {
  return stuck(
    clusterReasons.LoadBalancerPoolExhausted,
    `IPPool ${poolNameOf(object) ?? ""} has no free address for the load balancer; one that is freed or added is taken at once`,
  );
}

function stuck(reason: string, message: string): LoadBalancerPlan {
  return { ...nothing, verdict: { status: "False", reason, message } };
}

function underWay(message: string): LoadBalancerPlan {
  return {
    ...nothing,
    verdict: { status: "False", reason: clusterReasons.LoadBalancerNotReady, message },
    passing: true,
  };
}
