import { quantityToBytes } from "#api/quantity.ts";
import { parseCidr, parseIp } from "#platform/harvester/ip-address.ts";

/** Whether a text has a form; for flags, whose values are text. */
export type Form = (text: string) => boolean;

/** A label of DNS (RFC 1123), as names of namespaces. */
export const isLabel: Form = (text) => text.length <= 63 && /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/.test(text);

/** A domain name (RFC 1123), as names of most objects. */
export const isSubdomain: Form = (text) =>
  text.length <= 253 && /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/.test(text);

/** An object of Harvester: `namespace/name`, or `name` in the target namespace. Images go by their display name too, which may be anything. */
export const isReference: Form = (text) => {
  const parts = text.split("/");
  return (
    parts.length <= 2 && parts.every((part) => part !== "" && part.trim() === part) && isNamespaced(parts)
  );
};

function isNamespaced(parts: readonly string[]): boolean {
  const [first = ""] = parts;
  return parts.length === 1 || isLabel(first);
}

export const isIpv4: Form = (text) => !text.includes(":") && parseIp(text)?.family === 4;

export const isIp: Form = (text) => parseIp(text) !== undefined;

export const isIpv4Cidr: Form = (text) => !text.includes(":") && parseCidr(text)?.family === 4;

/** A whole number within bounds, both included. */
export function isWhole(least: number, most: number = Number.MAX_SAFE_INTEGER): Form {
  return (text) => /^\d+$/.test(text) && Number(text) >= least && Number(text) <= most;
}

/** A quantity of at least so many bytes: `4` instead of `4Gi` is a mistake that a schema does not see. */
export function isSize(least: bigint): Form {
  return (text) => (quantityToBytes(text) ?? 0n) >= least;
}

export const isKubernetesVersion: Form = (text) => /^v?\d+\.\d+\.\d+(\+rke2r\d+)?$/.test(text);

/** With the release of RKE2, exactly once: `v1.31.14` and `v1.31.14+rke2r1` are the same, `v1.31.14+rke2r2` is another. */
export function rke2Version(text: string): string {
  const version = text.startsWith("v") ? text : `v${text}`;
  return version.includes("+rke2r") ? version : `${version}+rke2r1`;
}

/** A mask in dotted form or as prefix length in dotted form; undefined when it is neither. */
export function dottedMask(text: string): string | undefined {
  if (isWhole(1, 32)(text)) {
    const bits = (0xffff_ffff << (32 - Number(text))) >>> 0;
    return [24, 16, 8, 0].map((shift) => (bits >>> shift) & 255).join(".");
  }
  const value = isIpv4(text) ? parseIp(text)?.value : undefined;
  if (value === undefined || value === 0n) return undefined;
  // A mask is ones and then zeros: its complement is one less than a power of two.
  const rest = value ^ 0xffff_ffffn;
  return (rest & (rest + 1n)) === 0n ? text : undefined;
}

/** Parts of a list that is written with commas. */
export function listed(text: string): string[] {
  return text
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== "");
}

/** `https://`, `ssh://`, `git@host:path`. */
export const isRepository: Form = (text) =>
  /^git@[\w.-]+:\S+$/.test(text) || ["https:", "http:", "ssh:"].includes(URL.parse(text)?.protocol ?? "");
