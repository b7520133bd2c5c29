import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { formatIp, parseIp } from "#platform/harvester/ip-address.ts";
import { freeAddresses, openPool, planRelease, type Claim } from "#platform/harvester/ip-pool-allocation.ts";
import { contains, readRanges, type PoolRanges } from "#platform/harvester/ip-pool-ranges.ts";
import { ipPoolView, type IpPool } from "#platform/harvester/ip-pool.ts";
import { merge } from "#test/support/patches.ts";

const claim = (id: string, formerly: string[] = []): Claim => ({
  id,
  heldAs: [id],
  formerlyAs: [id, ...formerly],
});

function pool(ranges: IpPool["spec"]["ranges"], status: Partial<IpPool["status"]> = {}) {
  const parsed = ipPoolView.schema.parse({ spec: { ranges }, status });
  const read = readRanges(parsed.spec);
  if ("problem" in read) throw new Error(read.problem.field);
  return { ...parsed, ranges: read.pool };
}

const small = {
  subnet: "10.50.0.0/24",
  gateway: "10.50.0.1",
  rangeStart: "10.50.0.10",
  rangeEnd: "10.50.0.12",
};

function takeAll(of: { status: IpPool["status"]; ranges: PoolRanges }, count: number) {
  const open = openPool(of.status, of.ranges);
  return {
    taken: Array.from({ length: count }, (_, index) => open.take(claim(`ns/m-${index}`))),
    patch: open.patch(),
  };
}

describe("ranges", () => {
  test("default to the hosts of the subnet without its first one, the gateway", () => {
    const { ranges } = pool([{ subnet: "10.50.0.0/29" }]);
    expect(takeAll({ status: pool([small]).status, ranges }, 6).taken).toEqual([
      "10.50.0.2",
      "10.50.0.3",
      "10.50.0.4",
      "10.50.0.5",
      "10.50.0.6",
      undefined,
    ]);
    expect(ranges.size).toBe(5n);
  });

  test("of one address are allowed, and have no default gateway", () => {
    const one = pool([{ subnet: "10.50.0.7/32" }]);
    expect(takeAll(one, 2).taken).toEqual(["10.50.0.7", undefined]);
  });

  test("given the wrong way round are swapped, and empty ends count as not given", () => {
    expect(
      takeAll(pool([{ ...small, rangeStart: small.rangeEnd, rangeEnd: small.rangeStart }]), 1).taken,
    ).toEqual(["10.50.0.10"]);
    expect(
      takeAll(pool([{ subnet: "10.50.0.0/24", gateway: "", rangeStart: "", rangeEnd: "" }]), 1).taken,
    ).toEqual(["10.50.0.2"]);
  });

  test.each([
    [[], "spec.ranges"],
    [[{ subnet: "10.50.0.0" }], "spec.ranges[0].subnet"],
    [[small, { ...small, subnet: "" }], "spec.ranges[1].subnet"],
    [[{ ...small, rangeStart: "10.50.1.10" }], "spec.ranges[0].rangeStart"],
    [[{ ...small, rangeEnd: "fd00::1" }], "spec.ranges[0].rangeEnd"],
    [[{ ...small, rangeStart: "10.50.0.0" }], "spec.ranges[0].rangeStart"],
    [[{ ...small, rangeEnd: "10.50.0.255" }], "spec.ranges[0].rangeEnd"],
    [[{ ...small, gateway: "router" }], "spec.ranges[0].gateway"],
  ])("that are malformed name the field and the mend (%#)", (ranges, field) => {
    const read = readRanges({ ranges, selector: {} });
    expect("problem" in read && read.problem.field).toBe(field);
    expect("problem" in read && read.problem.message).toMatch(/give|correct/);
  });
});

describe("allocation", () => {
  test("goes round robin from the one after lastAllocated and skips the gateway [check 67]", () => {
    const range = { ...small, gateway: "10.50.0.11" };
    expect(takeAll(pool([range], { lastAllocated: "10.50.0.10" }), 3).taken).toEqual([
      "10.50.0.12",
      "10.50.0.10",
      undefined,
    ]);
  });

  test("goes through all ranges and comes back to the first", () => {
    const second = {
      subnet: "10.60.0.0/24",
      gateway: "10.60.0.1",
      rangeStart: "10.60.0.10",
      rangeEnd: "10.60.0.10",
    };
    expect(takeAll(pool([small, second], { lastAllocated: "10.50.0.11" }), 5).taken).toEqual([
      "10.50.0.12",
      "10.60.0.10",
      "10.50.0.10",
      "10.50.0.11",
      undefined,
    ]);
  });

  test("writes holder, last address and the derived counter, and clears the history of what it gives out", () => {
    const before = pool([small], {
      total: 3,
      available: 77,
      allocated: { "10.50.0.10": "ns/other" },
      allocatedHistory: { "10.50.0.11": "", "10.50.0.12": "ns/gone" },
    });
    expect(takeAll(before, 1).patch).toEqual({
      allocated: { "10.50.0.11": "ns/m-0" },
      lastAllocated: "10.50.0.11",
      available: 1,
      allocatedHistory: { "10.50.0.11": null },
    });
  });

  test("writes nothing when there is nothing to give [check 69]", () => {
    const full = pool([{ ...small, rangeEnd: "10.50.0.10" }], { allocated: { "10.50.0.10": "ns/other" } });
    expect(freeAddresses(full.status, full.ranges)).toBe(0);
    expect(takeAll(full, 2)).toEqual({ taken: [undefined, undefined], patch: undefined });
  });

  test("counts exactly what is free of a pool that looks full, because it was narrowed [check 69]", () => {
    const outside = {
      "10.50.0.99": "ns/a",
      "10.50.0.98": "ns/b",
      "not an address": "ns/c",
      "10.50.0.1": "x",
    };
    const narrowed = pool([small], { allocated: { ...outside, "10.50.0.11": "ns/d" } });
    expect(narrowed.summary.free).toBe(2);
    expect(takeAll(narrowed, 3).taken).toEqual(["10.50.0.10", "10.50.0.12", undefined]);
    const withGateway = pool([{ ...small, gateway: "10.50.0.11" }], {
      allocated: { ...outside, "10.50.0.11": "ns/d" },
    });
    expect(withGateway.summary.free).toBe(2);
    const full = pool([{ ...small, rangeEnd: "10.50.0.10" }], {
      allocated: { ...outside, "10.50.0.10": "d" },
    });
    expect(full.summary.free).toBe(0);
    expect(pool([small], { allocated: { "10.50.0.11": "ns/d" } }).summary.free).toBe(2);
  });

  test("is summed up once per version, and the summary is no part of the object", () => {
    const { schema } = ipPoolView;
    const read = schema.parse({
      spec: { ranges: [small] },
      status: { allocated: { "10.50.0.10": "a", "10.50.0.11": "b", "10.50.0.12": "a" } },
    });
    const { summary } = read;
    expect(summary.addressesOf("a")).toEqual(["10.50.0.10", "10.50.0.12"]);
    expect(summary.addressesOf("a")).toBe(summary.addressesOf("a"));
    expect(summary.ranges).toBe(summary.ranges);
    const wire = JSON.stringify(read);
    expect(wire).not.toContain("summary");
    expect(JSON.stringify(schema.parse(JSON.parse(wire)))).toBe(wire);
    expect(schema.parse(read).summary.free).toBe(0);
  });

  test("gives places on terms that stay the same while addresses are taken and given back", () => {
    const places = (over: object, status: object = {}) => {
      const meta = { connection: "h", name: "a", uid: "u", resourceVersion: "1", ...over };
      return ipPoolView.places?.({ ...pool([small], status), meta });
    };
    expect(places({})).toEqual({
      ...places({}, { allocated: { "10.50.0.10": "a" }, available: 2 }),
      free: 3,
    });
    const deleting = places({ deletionTimestamp: "2026-01-01T00:00:00Z" });
    expect(deleting?.free).toBe(0);
    expect(deleting?.terms).not.toBe(places({})?.terms);
  });

  test("prefers the address the claimant had before, and takes another one when it is in use [check 73]", () => {
    const history = { "10.50.0.12": "ns/m", "10.50.0.11": "" };
    const free = pool([small], { allocatedHistory: history });
    expect(openPool(free.status, free.ranges).take(claim("ns/m/uid", ["ns/m"]))).toBe("10.50.0.12");
    const taken = pool([small], { allocatedHistory: history, allocated: { "10.50.0.12": "ns/other" } });
    expect(openPool(taken.status, taken.ranges).take(claim("ns/m/uid", ["ns/m"]))).toBe("10.50.0.10");
  });

  test("is not held up by the history of others: a free address is a free address", () => {
    const before = pool([{ ...small, rangeEnd: "10.50.0.10" }], {
      allocatedHistory: { "10.50.0.10": "ns/other" },
    });
    expect(takeAll(before, 1).taken).toEqual(["10.50.0.10"]);
  });

  test("finds what the claimant holds already [check 71]", () => {
    const before = pool([small], { allocated: { "10.50.0.11": "ns/m" } });
    expect(openPool(before.status, before.ranges).held(claim("ns/m"))).toBe("10.50.0.11");
  });

  test("does not walk through an IPv6 range, however large", () => {
    const range = { subnet: "fd00::/64", gateway: "fd00::1" };
    const wide = pool([range], { allocated: { "fd00::2": "a", "FD00:0::3": "b" } });
    const started = performance.now();
    expect(takeAll(wide, 3).taken).toEqual(["fd00::4", "fd00::5", "fd00::6"]);
    expect(takeAll(pool([range], { lastAllocated: "fd00::ffff:ffff:ffff:ffff" }), 1).taken).toEqual([
      "fd00::2",
    ]);
    expect(freeAddresses(wide.status, wide.ranges)).toBeGreaterThan(0);
    expect(performance.now() - started).toBeLessThan(500);
  });
});

describe("release", () => {
  test("takes out the entry of the holder, and never an entry of another holder [check 88]", () => {
    const before = pool([small], {
      total: 3,
      available: 9,
      allocated: { "10.50.0.10": "ns/b", "10.50.0.11": "ns/a" },
    });
    expect(
      planRelease(before.status, before.ranges, [
        { address: "10.50.0.10", id: "ns/a" },
        { address: "10.50.0.11", id: "ns/a" },
      ]),
    ).toEqual({
      allocated: { "10.50.0.11": null },
      allocatedHistory: { "10.50.0.11": "ns/a" },
      available: 2,
    });
  });

  test("a second time changes nothing [check 88]", () => {
    const before = pool([small], { allocatedHistory: { "10.50.0.11": "ns/a" } });
    expect(
      planRelease(before.status, before.ranges, [{ address: "10.50.0.11", id: "ns/a" }]),
    ).toBeUndefined();
  });
});

/** Any sequence of machines coming and going. */
const steps = fc.array(
  fc.record({ id: fc.integer({ min: 0, max: 12 }), act: fc.constantFrom("take", "release") }),
  { maxLength: 60 },
);
const anyRange = fc.oneof(
  fc
    .tuple(
      fc.integer({ min: 24, max: 32 }),
      fc.integer({ min: 0, max: 255 }),
      fc.option(fc.integer({ min: 0, max: 255 })),
    )
    .map(([prefix, host, gateway]) => ({
      subnet: `10.50.0.${host}/${prefix}`,
      ...(gateway !== null && { gateway: `10.50.0.${gateway}` }),
    })),
  fc.integer({ min: 120, max: 128 }).map((prefix) => ({ subnet: `fd00::40/${prefix}`, gateway: "fd00::41" })),
);

describe("any sequence of allocations and releases", () => {
  test("gives no address to two holders, never a gateway, network or broadcast address, and keeps available = total - allocated [check 72] [check 88]", () => {
    fc.assert(
      fc.property(anyRange, steps, (range, sequence) => {
        const start = pool([range]);
        let status: IpPool["status"] = { ...start.status, total: Number(start.ranges.size) };
        const held = new Map<string, string>();
        for (const { id, act } of sequence) {
          const who = claim(`ns/m-${id}`);
          const address = held.get(who.id);
          let patch: unknown;
          if (act === "take" && address === undefined) {
            const open = openPool(status, start.ranges);
            const got = open.take(who);
            expect(got === undefined).toBe(held.size === Number(start.ranges.size));
            if (got === undefined) continue;
            expect([...held.values()]).not.toContain(got);
            held.set(who.id, got);
            patch = open.patch();
          } else if (act === "release" && address !== undefined) {
            held.delete(who.id);
            patch = planRelease(status, start.ranges, [{ address, id: who.id }]);
          } else continue;
          status = ipPoolView.schema.parse({
            spec: { ranges: [range] },
            status: merge(status, patch),
          }).status;
          expect(Object.fromEntries([...held].map(([holder, ip]) => [ip, holder]))).toEqual(status.allocated);
          expect(status.available).toBe((status.total ?? 0) - held.size);
        }
        for (const address of held.values()) {
          const ip = parseIp(address)!;
          expect(start.ranges.ranges.some((part) => contains(part, ip))).toBe(true);
          expect(start.ranges.gateways.map((gateway) => formatIp(gateway))).not.toContain(address);
          expect("gateway" in range && range.gateway === address).toBe(false);
          if (/\/2[4-9]$|\/30$/.test(range.subnet)) expect(address).not.toMatch(/\.(0|255)$/);
        }
      }),
      { numRuns: 300 },
    );
  });
});
