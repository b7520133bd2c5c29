import { expect, test } from "vitest";
import { dhcpLeases } from "#platform/simulator/dhcp-leases.ts";
import { grantAddress, requestedAddress, returnAddress } from "#platform/simulator/load-balancer-address.ts";
import { checkPool, type Pool, poolSchema, poolStatus } from "#platform/simulator/pool-status.ts";

const pool = (uid: string, first: string, last: string, status?: object): Pool =>
  poolSchema.parse({
    metadata: { name: uid, uid, resourceVersion: "7" },
    spec: { ranges: [{ subnet: "10.50.0.0/16", gateway: "10.50.0.1", rangeStart: first, rangeEnd: last }] },
    status,
  });

test("a pool's counters come from its ranges and what is allocated", () => {
  const held = { allocated: { "10.50.0.10": "a", "10.50.0.11": "b" }, lastAllocated: "10.50.0.11" };
  const checked = checkPool(pool("a", "10.50.0.10", "10.50.0.12", held), [], () => true);
  expect(poolStatus(pool("a", "10.50.0.10", "10.50.0.12", held), checked, "now")).toMatchObject({
    total: 3,
    available: 1,
    lastAllocated: "10.50.0.11",
    conditions: [{ type: "Ready", status: "True" }],
  });
});

test("ranges of one pool that overlap are named", () => {
  const twice = pool("a", "10.50.0.10", "10.50.0.12");
  twice.spec.ranges.push({ subnet: "10.50.0.0/16", rangeStart: "10.50.0.12", rangeEnd: "10.50.0.20" });
  expect(checkPool(twice, [], () => true)).toEqual({ problem: "spec.ranges[1] overlaps spec.ranges[0]" });
});

test("a load balancer takes the first free address once, and gives back what it holds", () => {
  const free = pool("a", "10.50.0.10", "10.50.0.12", { total: 3, allocated: { "10.50.0.10": "x" } });
  expect(grantAddress(free, "demo/lb")).toMatchObject({
    address: "10.50.0.11",
    patch: { metadata: { resourceVersion: "7" }, status: { available: 1, lastAllocated: "10.50.0.11" } },
  });
  expect(grantAddress(free, "x")).toEqual({ address: "10.50.0.10", patch: {} });
  expect(returnAddress(free, "x")).toMatchObject({
    status: { allocated: { "10.50.0.10": null }, available: 3 },
  });
  expect(returnAddress(free, "demo/lb")).toBeUndefined();
});

test("an exhausted pool grants nothing", () => {
  const full = pool("a", "10.50.0.10", "10.50.0.10", { total: 1, allocated: { "10.50.0.10": "x" } });
  expect(grantAddress(full, "demo/lb")).toBeUndefined();
});

test("a Service asks for an address, or for any", () => {
  expect(requestedAddress("10.50.0.9")).toBe("10.50.0.9");
  for (const any of [undefined, "", "0.0.0.0"]) expect(requestedAddress(any)).toBeUndefined();
});

test("DHCP gives every holder one address, no address twice, and freed ones again", () => {
  const leases = dhcpLeases("10.60.0.1", "10.60.0.3");
  leases.note("known", "10.60.0.2");
  expect(leases.lease("known")).toBe("10.60.0.2");
  expect(leases.lease("a#0")).toBe("10.60.0.1");
  expect(leases.lease("a#1")).toBe("10.60.0.3");
  expect(leases.lease("b#0")).toBeUndefined();
  leases.release("a#");
  expect(leases.lease("b#0")).toBe("10.60.0.1");
  expect(leases.lease("a#0")).toBe("10.60.0.3");
});
