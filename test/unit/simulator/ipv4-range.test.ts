import { expect, test } from "vitest";
import {
  firstFree,
  formatIpv4,
  parseIpv4,
  rangeSize,
  rangesOverlap,
  resolveRange,
} from "#platform/simulator/ipv4-range.ts";

const size = (range: Parameters<typeof resolveRange>[0]): number => rangeSize(resolveRange(range));

test("addresses are read and written as dotted quads, and nothing else is", () => {
  expect(formatIpv4(parseIpv4("255.254.1.0") ?? 0)).toBe("255.254.1.0");
  for (const text of ["256.0.0.1", "1.2.3", "fe80::1", "1.2.3.4/8", ""])
    expect(parseIpv4(text)).toBeUndefined();
});

test("a subnet alone offers its hosts but the first, which is the gateway", () => {
  expect(size({ subnet: "10.50.0.0/24" })).toBe(253);
  expect(size({ subnet: "10.50.0.7/32" })).toBe(1);
});

test("a range offers its addresses, less the gateway when that lies within", () => {
  const range = { subnet: "10.50.0.0/16", rangeStart: "10.50.0.10", rangeEnd: "10.50.0.12" };
  expect(size({ ...range, gateway: "10.50.0.1" })).toBe(3);
  expect(size({ ...range, gateway: "10.50.0.11" })).toBe(2);
  expect(size({ ...range, rangeStart: range.rangeEnd, rangeEnd: range.rangeStart })).toBe(3);
});

test("a range outside its subnet, or that is none, is refused with the field's name", () => {
  expect(() => resolveRange({ subnet: "10.50.0.0/24", rangeEnd: "10.50.0.255" })).toThrow(
    "rangeEnd 10.50.0.255",
  );
  expect(() => resolveRange({ subnet: "10.50.0.0" })).toThrow('subnet "10.50.0.0" is not an IPv4 CIDR');
  expect(() => resolveRange({ subnet: "10.50.0.0/24", gateway: "x" })).toThrow('gateway "x"');
});

test("ranges that share one address overlap", () => {
  expect(rangesOverlap({ first: 1, last: 5 }, { first: 5, last: 9 })).toBe(true);
  expect(rangesOverlap({ first: 1, last: 4 }, { first: 5, last: 9 })).toBe(false);
});

test("the first free address is neither taken nor the gateway", () => {
  const range = {
    first: parseIpv4("10.0.0.1") ?? 0,
    last: parseIpv4("10.0.0.3") ?? 0,
    gateway: parseIpv4("10.0.0.1"),
  };
  expect(firstFree([range], new Set())).toBe("10.0.0.2");
  expect(firstFree([range], new Set(["10.0.0.2"]))).toBe("10.0.0.3");
  expect(firstFree([range], new Set(["10.0.0.2", "10.0.0.3"]))).toBeUndefined();
});
