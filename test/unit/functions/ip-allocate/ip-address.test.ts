import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { formatIp, hostBounds, parseCidr, parseIp } from "#platform/harvester/ip-address.ts";

const text = (family: 4 | 6, value: bigint) => formatIp({ family, value });

describe("addresses", () => {
  test.each([
    "10.50.0.1",
    "0.0.0.0",
    "255.255.255.255",
    "fd00::1",
    "::",
    "::1",
    "2001:db8:0:1:1:1:1:1",
    "1:0:0:2::3",
  ])("%s is read and written as it is", (address) => {
    const ip = parseIp(address);
    expect(ip && formatIp(ip)).toBe(address);
  });

  test.each([
    ["FD00:0:0:0:0:0:0:1", "fd00::1"],
    ["::ffff:10.0.0.1", "10.0.0.1"],
    ["2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"],
    ["64:ff9b::192.0.2.33", "64:ff9b::c000:221"],
  ])("%s becomes its canonical form %s", (given, canonical) => {
    const ip = parseIp(given);
    expect(ip && formatIp(ip)).toBe(canonical);
  });

  test.each([
    "",
    "10.0.0",
    "10.0.0.256",
    "10.0.0.01",
    "10.0.0.1/24",
    "fe80::1%eth0",
    "1::2::3",
    ":::",
    "1:2:3:4:5:6:7",
    "1:2:3:4:5:6:7:8:9",
    "1.2.3.4::",
    "g::",
  ])("%j is no address", (address) => expect(parseIp(address)).toBeUndefined());

  test("every number of either family survives being written and read", () => {
    const ip = fc.oneof(
      fc.bigInt(0n, (1n << 32n) - 1n).map((value) => ({ family: 4 as const, value })),
      fc.bigInt(1n << 48n, (1n << 128n) - 1n).map((value) => ({ family: 6 as const, value })),
    );
    fc.assert(
      fc.property(ip, (address) => {
        expect(parseIp(formatIp(address))).toEqual(address);
      }),
    );
  });
});

describe("host bounds", () => {
  test.each([
    ["10.50.0.77/24", 4, "10.50.0.1", "10.50.0.254"],
    ["10.50.0.0/30", 4, "10.50.0.1", "10.50.0.2"],
    ["10.50.0.4/31", 4, "10.50.0.4", "10.50.0.5"],
    ["10.50.0.7/32", 4, "10.50.0.7", "10.50.0.7"],
    ["fd00::/64", 6, "fd00::1", "fd00::ffff:ffff:ffff:ffff"],
    ["fd00::/127", 6, "fd00::", "fd00::1"],
    ["fd00::9/128", 6, "fd00::9", "fd00::9"],
  ] as const)("of %s are right", (cidr, family, first, last) => {
    const subnet = parseCidr(cidr);
    const bounds = subnet && hostBounds(subnet);
    expect(bounds && [text(family, bounds.first), text(family, bounds.last)]).toEqual([first, last]);
  });

  test.each(["10.0.0.0", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/08", "10.0.0.0/8/8", "fd00::/129", "x/8"])(
    "%j is no CIDR block",
    (cidr) => expect(parseCidr(cidr)).toBeUndefined(),
  );
});
