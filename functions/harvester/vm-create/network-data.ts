import { stringify } from "yaml";
import type { StaticNetwork, StaticSource } from "#functions/harvester/network-config.ts";
import { formatIp, parseCidr, parseIp, type IpAddress } from "#platform/harvester/ip-address.ts";

/** The static address of the first interface, checked and in canonical form. */
export interface StaticAddress {
  readonly family: 4 | 6;
  readonly address: string;
  readonly prefix: number;
  readonly gateway: string | undefined;
  readonly dnsServers: readonly string[];
  readonly dnsSearch: readonly string[];
}

export type StaticRead = { readonly static: StaticAddress } | { readonly problems: readonly string[] };

/**
 * Checks the values a static network is made of. The mask is the configuration's own, else that of the effective `vmNetworkConfig`. When
 * neither names one, IPv6 takes /64, the prefix of every IPv6 LAN (RFC 4291, 2.5.4); IPv4 takes 255.255.0.0, as the Go provider did, because
 * existing manifests rest on it, but only if the gateway can be reached with it.
 */
export function readStatic({ network, address }: StaticSource): StaticRead {
  const { source } = network;
  const ip = parseIp(address);
  const gateway = network.gateway === undefined ? undefined : parseIp(network.gateway);
  const needsNone = network.kind === "claim" && network.gateway === undefined;
  const problems: string[] = [];
  if (ip === undefined)
    problems.push(`${addressFields[network.kind](source)} is no IP address; give one such as 10.50.0.40`);
  if (gateway === undefined && !needsNone) {
    problems.push(`${source}.gateway is no IP address; give that of the network's router`);
  } else if (ip !== undefined && gateway !== undefined && gateway.family !== ip.family) {
    problems.push(
      `${source}.gateway is IPv${gateway.family}, the address IPv${ip.family}; give a gateway of the same family`,
    );
  }
  for (const [index, server] of network.dnsServers.entries()) {
    if (parseIp(server) === undefined)
      problems.push(`${source}.dnsServers[${index}] is no IP address; correct or remove it`);
  }
  const prefix =
    ip === undefined || (gateway?.family !== ip.family && !needsNone)
      ? undefined
      : prefixOf(network, ip, gateway);
  if (typeof prefix === "string") problems.push(prefix);
  if (problems.length > 0 || ip === undefined || typeof prefix !== "number") return { problems };
  return {
    static: {
      family: ip.family,
      address: formatIp(ip),
      prefix,
      gateway: gateway === undefined ? undefined : formatIp(gateway),
      dnsServers: network.dnsServers,
      dnsSearch: network.dnsSearch,
    },
  };
}

const addressFields = {
  fixed: (source: string) => `${source}.address`,
  pool: () => "the address held in the IPPool",
  claim: (source: string) => `${source}.address`,
} as const;

/**
 * Network configuration for cloud-init, version 1 ("Networking Config Version 1" of its documentation). The first interface has the static
 * addresses, the others DHCP. Each is found by its MAC address, so an image with predictable interface names is configured as well.
 */
export function networkData(own: readonly StaticAddress[], macAddresses: readonly string[]): string {
  const interfaces = macAddresses.map((macAddress, index) => ({
    type: "physical",
    name: `eth${index}`,
    mac_address: macAddress,
    subnets: index === 0 ? own.map(subnet) : [{ type: "dhcp" }],
  }));
  const dnsServers = [...new Set(own.flatMap((each) => each.dnsServers))];
  const dnsSearch = [...new Set(own.flatMap((each) => each.dnsSearch))];
  // Search domains count without servers too: cloud-init wants the key `address`, but takes an empty list.
  const nameserver = {
    type: "nameserver",
    address: dnsServers,
    ...(dnsSearch.length > 0 && { search: dnsSearch }),
  };
  const config = [...interfaces, ...(dnsServers.length + dnsSearch.length > 0 ? [nameserver] : [])];
  // cloud-init reads YAML 1.1, where e.g. 52:10:20:30:40:50 is a number unless quoted.
  return stringify({ version: 1, config }, { version: "1.1", lineWidth: 0 });
}

function subnet({ family, address, prefix, gateway }: StaticAddress) {
  const wayOut = gateway === undefined ? {} : { gateway };
  return family === 4
    ? { type: "static", address, netmask: formatIp({ family: 4, value: maskOf(4, prefix) }), ...wayOut }
    : { type: "static6", address: `${address}/${prefix}`, ...wayOut };
}

/** The prefix length, or what is wrong with the mask. */
function prefixOf(
  network: StaticNetwork & { readonly kind: string },
  ip: IpAddress,
  gateway: IpAddress | undefined,
): number | string {
  const field = `${network.source}.${network.kind === "claim" ? "prefix" : "subnetMask"}`;
  if (network.subnetMask === undefined) {
    if (ip.family === 6) return 64;
    const reachable =
      gateway !== undefined &&
      parseCidr(`${formatIp(ip)}/16`)?.network === parseCidr(`${formatIp(gateway)}/16`)?.network;
    return network.kind === "fixed" && reachable
      ? 16
      : `${field} is missing; give the network's mask, e.g. 255.255.255.0`;
  }
  const prefix = parseMask(network.subnetMask, ip.family);
  return (
    prefix ??
    `${field} ${JSON.stringify(network.subnetMask)} is no mask of an IPv${ip.family} network; give one such as ${ip.family === 4 ? "255.255.255.0 or 24" : "64"}`
  );
}

/** Reads a dotted or colon-separated mask or a prefix length; undefined when it is none of the family or has holes. */
function parseMask(text: string, family: 4 | 6): number | undefined {
  const bits = family === 4 ? 32 : 128;
  if (/^\/?\d{1,3}$/.test(text)) {
    const prefix = Number(text.replace("/", ""));
    return prefix >= 1 && prefix <= bits ? prefix : undefined;
  }
  const mask = parseIp(text);
  if (mask?.family !== family) return undefined;
  const prefix = mask.value.toString(2).replaceAll("0", "").length;
  return prefix > 0 && mask.value === maskOf(family, prefix) ? prefix : undefined;
}

function maskOf(family: 4 | 6, prefix: number): bigint {
  const bits = family === 4 ? 32n : 128n;
  return ((1n << bits) - 1n) ^ ((1n << (bits - BigInt(prefix))) - 1n);
}
