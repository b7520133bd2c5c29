import type { PoolReference } from "#api/network.ts";
import type { HarvesterClusterBody } from "#platform/cluster-api/harvester-cluster.ts";
import type { HarvesterMachineBody } from "#platform/cluster-api/harvester-machine.ts";

/** What a static address is written into the machine with, apart from the address itself. */
export interface StaticNetwork {
  /** Undefined only for a claimed address that came without one: its network has no way out. */
  readonly gateway: string | undefined;
  /** Dotted mask or prefix length; undefined when no field names one. */
  readonly subnetMask: string | undefined;
  readonly dnsServers: readonly string[];
  readonly dnsSearch: readonly string[];
  /** Field of the HarvesterMachine or HarvesterCluster it comes from, for messages. */
  readonly source: string;
}

/** How the machine's first interface gets its address. */
export type EffectiveNetwork =
  | { readonly kind: "dhcp" }
  /** The address stands in `spec.networkConfig`. */
  | ({ readonly kind: "fixed"; readonly address: string } & StaticNetwork)
  /** The address is to be allocated from the first of these pools that has one. */
  | ({ readonly kind: "pool"; readonly pools: readonly string[] } & StaticNetwork)
  /** One address of each of these pools of IPAM providers is to be claimed; prefix and gateway come with it. */
  | ({ readonly kind: "ipam"; readonly pools: readonly PoolReference[] } & StaticNetwork);

/** One static address, and what it is written into the machine with. */
export interface StaticSource {
  readonly address: string;
  readonly network: StaticNetwork & { readonly kind: "fixed" | "pool" | "claim" };
}

type VmNetworkConfig = NonNullable<HarvesterMachineBody["spec"]["vmNetworkConfig"]>;

/**
 * `spec.networkConfig`, else `spec.ipamNetworkConfig`, else `spec.vmNetworkConfig` of the machine, else the last two of the cluster, else DHCP. What a
 * machine gives replaces what the cluster gives as a whole; nothing is merged. Only the mask of a fixed address may come from the `vmNetworkConfig`
 * it overrides.
 */
export function effectiveNetwork(
  machine: Pick<HarvesterMachineBody, "spec">,
  cluster: Pick<HarvesterClusterBody, "spec"> | undefined,
): EffectiveNetwork {
  const fromMachine = machine.spec.vmNetworkConfig;
  const fromPools = fromMachine ?? cluster?.spec.vmNetworkConfig;
  const fixed = machine.spec.networkConfig;
  if (fixed !== undefined) {
    return {
      kind: "fixed",
      address: fixed.address,
      gateway: fixed.gateway,
      subnetMask: given(fixed.subnetMask) ?? given(fromPools?.subnetMask),
      dnsServers: fixed.dnsServers ?? [],
      dnsSearch: fixed.dnsSearch ?? [],
      source: "spec.networkConfig",
    };
  }
  const claimed = claimedNetwork(machine, fromMachine === undefined ? cluster : undefined);
  if (claimed !== undefined) return claimed;
  if (fromPools === undefined) return { kind: "dhcp" };
  return {
    kind: "pool",
    pools: poolNames(fromPools),
    gateway: fromPools.gateway,
    subnetMask: given(fromPools.subnetMask),
    dnsServers: fromPools.dnsServers ?? [],
    dnsSearch: fromPools.dnsSearch ?? [],
    source:
      fromMachine === undefined ? "spec.vmNetworkConfig of the HarvesterCluster" : "spec.vmNetworkConfig",
  };
}

function claimedNetwork(
  machine: Pick<HarvesterMachineBody, "spec">,
  cluster: Pick<HarvesterClusterBody, "spec"> | undefined,
): EffectiveNetwork | undefined {
  const own = machine.spec.ipamNetworkConfig;
  const config = own ?? cluster?.spec.ipamNetworkConfig;
  if (config === undefined) return undefined;
  return {
    kind: "ipam",
    pools: config.pools,
    gateway: given(config.gateway),
    subnetMask: undefined,
    dnsServers: config.dnsServers ?? [],
    dnsSearch: config.dnsSearch ?? [],
    source: own === undefined ? "spec.ipamNetworkConfig of the HarvesterCluster" : "spec.ipamNetworkConfig",
  };
}

/** Pools in the order they are tried, each once; `ipPoolRefs` wins over `ipPoolRef` unless empty. */
export function poolNames(config: Pick<VmNetworkConfig, "ipPoolRef" | "ipPoolRefs">): readonly string[] {
  const listed = (config.ipPoolRefs ?? []).filter((name) => name !== "");
  if (listed.length > 0) return [...new Set(listed)];
  const single = given(config.ipPoolRef);
  return single === undefined ? [] : [single];
}

function given(text: string | undefined): string | undefined {
  return text === "" ? undefined : text;
}
