import type { MachineAddress } from "#api/harvester-machine.ts";
import { formatIp, parseIp, type IpAddress } from "#platform/harvester/ip-address.ts";
import type { VirtualMachineInstance } from "#platform/harvester/virtual-machine.ts";

/** What the status said of a machine's addresses, and what the world says of them now. */
export interface AddressSources {
  /** Name of the machine, its host name. */
  readonly name: string;
  readonly current: readonly MachineAddress[];
  /** The machine was reported ready: its VM has been running since the current addresses were written. */
  readonly continuous: boolean;
  /** The address it was given; known without a guest agent. */
  readonly static: string | undefined;
  readonly vmi: VirtualMachineInstance | undefined;
  /** Addresses that are not the machine's own, such as the virtual one of the control plane. */
  readonly foreign: readonly string[];
}

/**
 * The addresses of a running machine: each as InternalIP and ExternalIP (its only address serves both; ExternalIP is what the Go provider
 * published), and its name as Hostname. Undefined when none is known, or when the current ones still hold. The guest agent's reports come and
 * go (harvester/harvester#7031), so a known address is dropped only for a new one, and only when every interface reports.
 */
export function machineAddresses(sources: AddressSources): readonly MachineAddress[] | undefined {
  const known = sources.current.filter(({ type }) => type === "InternalIP").map(({ address }) => address);
  const ips = chooseIps(known, reportedIps(sources), sources.continuous);
  if (ips.length === 0) return undefined;
  const addresses: MachineAddress[] = [
    { type: "Hostname", address: sources.name },
    ...ips.flatMap((address): MachineAddress[] => [
      { type: "InternalIP", address },
      { type: "ExternalIP", address },
    ]),
  ];
  return sameSet(addresses, sources.current) ? undefined : addresses;
}

/** Whether the machine has an address in this list. */
export function hasIp(addresses: readonly MachineAddress[]): boolean {
  return addresses.some(({ type }) => type === "InternalIP" || type === "ExternalIP");
}

interface Reported {
  readonly ips: readonly string[];
  /** Every interface of the VM reports at least one. */
  readonly complete: boolean;
}

function chooseIps(
  known: readonly string[],
  { ips, complete }: Reported,
  continuous: boolean,
): readonly string[] {
  if (ips.length === 0) return known;
  if (!continuous) return ips;
  if (ips.every((ip) => known.includes(ip))) return known;
  const union = [...new Set([...ips, ...known])];
  return complete || union.length > MOST_ADDRESSES ? ips : union;
}

/** A bound for a guest whose addresses rotate while one of its interfaces never has any. */
const MOST_ADDRESSES = 16;

function reportedIps({ vmi, static: fixed, foreign }: AddressSources): Reported {
  const perNetwork = (vmi?.spec.networks ?? []).map(({ name }) => interfaceIps(vmi, name, foreign));
  const given = fixed === undefined ? undefined : canonical(fixed);
  return {
    ips: [...new Set([...(given === undefined ? [] : [given]), ...perNetwork.flat()])],
    complete: perNetwork.every((ips) => ips.length > 0),
  };
}

/**
 * The first address of each family of one interface; what follows are secondary ones, such as a virtual address the host holds for a while.
 * What only the guest agent knows (CNI bridges, tunnels) has no name of the VM spec and is left out.
 */
function interfaceIps(
  vmi: VirtualMachineInstance | undefined,
  name: string,
  foreign: readonly string[],
): readonly string[] {
  const texts = (vmi?.status.interfaces ?? [])
    .filter((each) => each.name === name)
    .flatMap(({ ipAddress, ipAddresses }) => [ipAddress ?? "", ...(ipAddresses ?? [])]);
  const excluded = new Set(foreign.map(canonical));
  const usable = texts
    .map((text) => parseIp(text))
    .filter((ip) => ip !== undefined)
    .filter((ip) => isUsable(ip) && !excluded.has(formatIp(ip)));
  return [usable.find(({ family }) => family === 4), usable.find(({ family }) => family === 6)]
    .filter((ip) => ip !== undefined)
    .map(formatIp);
}

/** Neither unspecified, loopback, link-local nor multicast (IANA special-purpose address registries). */
function isUsable({ family, value }: IpAddress): boolean {
  if (family === 4) {
    const first = value >> 24n;
    return first !== 0n && first !== 127n && first < 224n && value >> 16n !== 0xa9_fen;
  }
  return value > 1n && value >> 118n !== 0x3fan && value >> 120n !== 0xffn;
}

function canonical(text: string): string {
  const ip = parseIp(text);
  return ip === undefined ? text : formatIp(ip);
}

function sameSet(left: readonly MachineAddress[], right: readonly MachineAddress[]): boolean {
  const key = ({ type, address }: MachineAddress) => `${type}/${address}`;
  const keys = new Set(left.map(key));
  return keys.size === new Set(right.map(key)).size && right.every((address) => keys.has(key(address)));
}
