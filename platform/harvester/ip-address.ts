/** An IP address as a number. IPv4-mapped IPv6 (`::ffff:10.0.0.1`) is read as IPv4, as Go's `net.IP` prints it. */
export interface IpAddress {
  readonly family: 4 | 6;
  readonly value: bigint;
}

/** A CIDR block; `network` is its first address. */
export interface Subnet {
  readonly family: 4 | 6;
  readonly network: bigint;
  readonly prefix: number;
}

/** The lowest and the highest address of something, both included. */
export interface Bounds {
  readonly first: bigint;
  readonly last: bigint;
}

/** Reads an address; undefined when it is none. Leading zeros in IPv4 and zones (`%eth0`) are refused, as Go's `net.ParseIP` does. */
export function parseIp(text: string): IpAddress | undefined {
  if (!text.includes(":")) {
    const value = parseV4(text);
    return value === undefined ? undefined : { family: 4, value };
  }
  const value = parseV6(text);
  if (value === undefined) return undefined;
  return value >> 32n === V4_MAPPED ? { family: 4, value: value & 0xffff_ffffn } : { family: 6, value };
}

/** The canonical text: dotted for IPv4, RFC 5952 for IPv6. */
export function formatIp({ family, value }: IpAddress): string {
  return family === 4 ? formatV4(value) : formatV6(value);
}

/** Reads `address/prefix`; the address may be any of the block. Undefined when it is no CIDR block. */
export function parseCidr(text: string): Subnet | undefined {
  const [address = "", length = "", ...rest] = text.split("/");
  const ip = parseIp(address);
  if (ip === undefined || rest.length > 0 || !/^(0|[1-9]\d{0,2})$/.test(length)) return undefined;
  const prefix = Number(length);
  if (prefix > bits(ip.family)) return undefined;
  const size = blockSize(ip.family, prefix);
  return { family: ip.family, network: ip.value - (ip.value % size), prefix };
}

/** First and last address of the block, network and broadcast included. */
export function subnetBounds({ family, network, prefix }: Subnet): Bounds {
  return { first: network, last: network + blockSize(family, prefix) - 1n };
}

/**
 * The addresses of the block a machine may have: not the network address, and for IPv4 not the broadcast address. A block of one or two
 * addresses has neither (RFC 3021 for IPv4 /31, RFC 6164 for IPv6 /127).
 */
export function hostBounds(subnet: Subnet): Bounds {
  const { first, last } = subnetBounds(subnet);
  if (last - first < 2n) return { first, last };
  return { first: first + 1n, last: subnet.family === 4 ? last - 1n : last };
}

const V4_MAPPED = 0xffffn;

function bits(family: 4 | 6): number {
  return family === 4 ? 32 : 128;
}

function blockSize(family: 4 | 6, prefix: number): bigint {
  return 1n << BigInt(bits(family) - prefix);
}

const ZERO = 48;

/** By hand: a pool of 10,000 addresses is read whole whenever one of them is given out. */
function parseV4(text: string): bigint | undefined {
  let value = 0;
  let octets = 0;
  let at = 0;
  while (octets < 4) {
    const begin = at;
    let octet = 0;
    for (
      let digit = text.charCodeAt(at) - ZERO;
      digit >= 0 && digit <= 9;
      digit = text.charCodeAt(at) - ZERO
    ) {
      octet = octet * 10 + digit;
      at += 1;
    }
    const length = at - begin;
    const leadingZero = length > 1 && text.charCodeAt(begin) === ZERO;
    if (length === 0 || length > 3 || leadingZero || octet > 255) return undefined;
    value = value * 256 + octet;
    octets += 1;
    if (octets < 4 && text[at] !== ".") return undefined;
    at += 1;
  }
  return at === text.length + 1 ? BigInt(value) : undefined;
}

function parseV6(text: string): bigint | undefined {
  const halves = text.split("::");
  if (halves.length > 2) return undefined;
  const [head, tail] = halves.map((half) => (half === "" ? [] : half.split(":")));
  const before = groups(head ?? [], tail === undefined);
  const after = tail === undefined ? [] : groups(tail, true);
  if (before === undefined || after === undefined) return undefined;
  const missing = 8 - before.length - after.length;
  if (tail === undefined ? missing !== 0 : missing < 1) return undefined;
  return [...before, ...Array<bigint>(missing).fill(0n), ...after].reduce(
    (value, group) => (value << 16n) | group,
    0n,
  );
}

/** The 16-bit groups; dotted IPv4 counts as two and may only come last (RFC 4291, 2.2). */
function groups(parts: readonly string[], last: boolean): bigint[] | undefined {
  const found: bigint[] = [];
  for (const [index, part] of parts.entries()) {
    if (part.includes(".")) {
      const dotted = last && index === parts.length - 1 ? parseV4(part) : undefined;
      if (dotted === undefined) return undefined;
      found.push(dotted >> 16n, dotted & 0xffffn);
    } else if (/^[0-9a-fA-F]{1,4}$/.test(part)) {
      found.push(BigInt(`0x${part}`));
    } else {
      return undefined;
    }
  }
  return found;
}

function formatV4(value: bigint): string {
  return [24n, 16n, 8n, 0n].map((shift) => (value >> shift) & 0xffn).join(".");
}

function formatV6(value: bigint): string {
  const parts = Array.from({ length: 8 }, (_, index) => (value >> BigInt(112 - 16 * index)) & 0xffffn);
  let best = { start: 0, length: 1 };
  for (let start = 0; start < 8; start += 1) {
    let length = 0;
    while (parts[start + length] === 0n) length += 1;
    if (length > best.length) best = { start, length };
  }
  const hex = parts.map((part) => part.toString(16));
  if (best.length < 2) return hex.join(":");
  return `${hex.slice(0, best.start).join(":")}::${hex.slice(best.start + best.length).join(":")}`;
}

/** The usual spelling of an address, as {@link formatIp} writes it; what is no address stays as it is. */
export function canonicalIp(text: string): string {
  const ip = parseIp(text);
  return ip === undefined ? text : formatIp(ip);
}
