import { createHash } from "node:crypto";

/**
 * A number in [0, 1) that depends on the seed and the key only. Choices made by key do not depend on the order in which they are
 * made, so two runs with one seed agree although their requests interleave differently.
 */
export function seededFraction(seed: number | string, key: string): number {
  return createHash("sha256").update(`${seed}\n${key}`).digest().readUInt32BE(0) / 2 ** 32;
}

/** One of `choices`, or undefined when there are none. */
export function seededChoice<T>(seed: number | string, key: string, choices: readonly T[]): T | undefined {
  return choices[Math.floor(seededFraction(seed, key) * choices.length)];
}

/** A locally administered unicast MAC address (IEEE 802 2.2) that depends on the seed and the key only. */
export function seededMacAddress(seed: number | string, key: string): string {
  const digest = createHash("sha256").update(`${seed}\nmac\n${key}`).digest();
  return ["02", ...[...digest.subarray(0, 5)].map((byte) => byte.toString(16).padStart(2, "0"))].join(":");
}

/** The link-local address of an interface that derives it from its MAC address (RFC 4291, appendix A). */
export function linkLocalAddress(mac: string): string {
  const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0] = mac.split(":").map((byte) => Number.parseInt(byte, 16));
  const words = [((a ^ 2) << 8) | b, (c << 8) | 0xff, 0xfe00 | d, (e << 8) | f];
  return `fe80::${words.map((word) => word.toString(16)).join(":")}`;
}
