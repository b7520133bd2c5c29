import type { HarvesterClusterBody } from "#platform/cluster-api/harvester-cluster.ts";
import type { HarvesterMachineBody } from "#platform/cluster-api/harvester-machine.ts";

/** What a static address is written into the machine with, apart from the address itself. */
export interface StaticNetwork {
  readonly gateway: string;
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
  | ({ readonly kind: "pool"; readonly pools: readonly string[] } & StaticNetwork);

type VmNetworkConfig = NonNullable<HarvesterMachineBody["spec"]["vmNetworkConfig"]>;

/**
 * `spec.networkConfig`, else `spec.vmNetworkConfig` of the machine, else that of the cluster, else DHCP. A machine's `vmNetworkConfig`
 * replaces the cluster's as a whole; nothing is merged. Only the mask of a fixed address may come from the `vmNetworkConfig` it overrides.
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
