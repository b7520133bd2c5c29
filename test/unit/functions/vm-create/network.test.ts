import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { heldAddress } from "#functions/harvester/pool-entries.ts";
import { effectiveNetwork } from "#functions/harvester/network-config.ts";
import { networkData, readStatic, type StaticAddress } from "#functions/harvester/vm-create/network-data.ts";
import { clusterNetwork, createView, holdingPool } from "./create-view.ts";

const own: StaticAddress = {
  family: 4,
  address: "10.50.0.10",
  prefix: 16,
  gateway: "10.50.0.1",
  dnsServers: [],
  dnsSearch: [],
};
const first = {
  type: "physical",
  name: "eth0",
  mac_address: "02:00:00:00:00:01",
  subnets: [{ type: "static", address: "10.50.0.10", netmask: "255.255.0.0", gateway: "10.50.0.1" }],
};
const dhcp = (index: number) => ({
  type: "physical",
  name: `eth${index}`,
  mac_address: `02:00:00:00:00:0${index + 1}`,
  subnets: [{ type: "dhcp" }],
});
const macs = (count: number) => Array.from({ length: count }, (_, index) => `02:00:00:00:00:0${index + 1}`);

describe("networkData", () => {
  it.each([
    [1, {}, [first]],
    [2, {}, [first, dhcp(1)]],
    [3, {}, [first, dhcp(1), dhcp(2)]],
    [1, { dnsServers: ["10.50.0.2"] }, [first, { type: "nameserver", address: ["10.50.0.2"] }]],
    [
      1,
      { dnsServers: ["10.50.0.2"], dnsSearch: ["example.com"] },
      [first, { type: "nameserver", address: ["10.50.0.2"], search: ["example.com"] }],
    ],
    [
      1,
      { dnsSearch: ["example.com"] },
      [first, { type: "nameserver", address: [], search: ["example.com"] }],
    ],
  ])(
    "configures %i interfaces with DNS %o, each found by MAC [check 63] [check 64]",
    (count, dns, config) => {
      expect(parse(networkData([{ ...own, ...dns }], macs(count)), { version: "1.1" })).toEqual({
        version: 1,
        config,
      });
    },
  );

  it("is read as written by a YAML 1.1 reader, whatever the values look like (W24)", () => {
    const text = networkData([{ ...own, dnsSearch: ["yes", "a: b", "1.0"] }], ["52:10:20:30:40:50"]);
    const { config } = parse(text, { version: "1.1" });
    expect(config[0].mac_address).toBe("52:10:20:30:40:50");
    expect(config[1].search).toEqual(["yes", "a: b", "1.0"]);
  });

  it("writes IPv6 with its prefix length (W24)", () => {
    const six: StaticAddress = { ...own, family: 6, address: "fd00::10", prefix: 64, gateway: "fd00::1" };
    expect(parse(networkData([six], macs(1))).config[0].subnets).toEqual([
      { type: "static6", address: "fd00::10/64", gateway: "fd00::1" },
    ]);
  });

  it("gives the first interface all addresses, and a gateway only where there is one", () => {
    const six: StaticAddress = { ...own, family: 6, address: "fd00::10", prefix: 64, gateway: undefined };
    expect(parse(networkData([own, six], macs(2))).config).toEqual([
      { ...first, subnets: [...first.subnets, { type: "static6", address: "fd00::10/64" }] },
      dhcp(1),
    ]);
  });
});

describe("readStatic", () => {
  const fixed = (fields: Record<string, unknown>, cluster: Record<string, unknown> = {}) => {
    const networkConfig = { address: "10.50.0.40", gateway: "10.50.0.1", ...fields };
    const { object, related } = createView({ spec: { networkConfig }, clusterSpec: cluster });
    const network = effectiveNetwork(object, related.harvesterCluster);
    if (network.kind !== "fixed") throw new Error("not fixed");
    return readStatic({ network, address: network.address });
  };

  it.each([
    ["255.255.255.0", 24],
    ["24", 24],
    ["/24", 24],
  ])("takes the machine's own mask %s before the cluster's [check 64]", (subnetMask, prefix) => {
    expect(fixed({ subnetMask }, clusterNetwork)).toMatchObject({ static: { prefix } });
  });

  it("falls back to the mask of the effective vmNetworkConfig [check 64]", () => {
    const cluster = { vmNetworkConfig: { ...clusterNetwork.vmNetworkConfig, subnetMask: "255.255.255.0" } };
    expect(fixed({}, cluster)).toMatchObject({ static: { prefix: 24 } });
  });

  it("without any mask takes /16 only where the gateway is then reachable (W24)", () => {
    expect(fixed({})).toMatchObject({ static: { prefix: 16 } });
    expect(fixed({ gateway: "10.51.0.1" })).toEqual({
      problems: ["spec.networkConfig.subnetMask is missing; give the network's mask, e.g. 255.255.255.0"],
    });
  });

  it.each([
    [{ address: "10.50.0" }, "spec.networkConfig.address is no IP address"],
    [{ gateway: "router" }, "spec.networkConfig.gateway is no IP address"],
    [{ gateway: "fd00::1" }, "spec.networkConfig.gateway is IPv6, the address IPv4"],
    [{ subnetMask: "255.0.255.0" }, 'spec.networkConfig.subnetMask "255.0.255.0" is no mask'],
    [{ subnetMask: "33" }, 'spec.networkConfig.subnetMask "33" is no mask'],
    [{ dnsServers: ["10.50.0.2", "dns"] }, "spec.networkConfig.dnsServers[1] is no IP address"],
  ])("names what is wrong with %o", (fields, problem) => {
    expect(fixed(fields)).toEqual({ problems: [expect.stringContaining(problem)] });
  });
});

describe("effectiveNetwork", () => {
  const effective = (spec: Record<string, unknown>, cluster: Record<string, unknown>) => {
    const { object, related } = createView({ spec, clusterSpec: cluster });
    return effectiveNetwork(object, related.harvesterCluster);
  };
  const networkConfig = { address: "10.50.0.40", gateway: "10.50.0.1" };
  const vmNetworkConfig = {
    ipPoolRefs: ["rack-1", "rack-2"],
    ipPoolRef: "unused",
    gateway: "10.60.0.1",
    subnetMask: "255.255.255.0",
  };

  it("prefers networkConfig, then the machine's vmNetworkConfig, then the cluster's, then DHCP [check 66]", () => {
    expect(effective({ networkConfig, vmNetworkConfig }, clusterNetwork)).toMatchObject({
      kind: "fixed",
      address: "10.50.0.40",
    });
    expect(effective({ vmNetworkConfig }, clusterNetwork)).toMatchObject({
      kind: "pool",
      pools: ["rack-1", "rack-2"],
    });
    expect(effective({}, clusterNetwork)).toMatchObject({
      kind: "pool",
      pools: ["demo-vms"],
      gateway: "10.50.0.1",
    });
    expect(effective({}, {})).toEqual({ kind: "dhcp" });
  });

  it("prefers pools of IPAM providers to those of Harvester, and the machine's to the cluster's", () => {
    const ipamNetworkConfig = { pools: [{ apiGroup: "capfn.dev", kind: "HarvesterIPPool", name: "rack-1" }] };
    const ofCluster = { ...clusterNetwork, ipamNetworkConfig };
    expect(effective({}, ofCluster)).toMatchObject({ kind: "ipam", pools: ipamNetworkConfig.pools });
    expect(effective({ ipamNetworkConfig, vmNetworkConfig }, {})).toMatchObject({ kind: "ipam" });
    expect(effective({ vmNetworkConfig }, ofCluster)).toMatchObject({ kind: "pool" });
    expect(effective({ networkConfig, ipamNetworkConfig }, {})).toMatchObject({ kind: "fixed" });
  });

  it("replaces the cluster's object by the machine's, without merging [check 66]", () => {
    expect(effective({ vmNetworkConfig }, clusterNetwork)).toMatchObject({
      gateway: "10.60.0.1",
      dnsServers: [],
    });
  });

  it("falls back to ipPoolRef when ipPoolRefs is empty", () => {
    expect(effective({ vmNetworkConfig: { ...vmNetworkConfig, ipPoolRefs: [] } }, {})).toMatchObject({
      pools: ["unused"],
    });
  });
});

describe("heldAddress", () => {
  it("finds the address by the machine's holder id, and a bare name only with the status that names it", () => {
    expect(
      heldAddress(createView().object, createView({ pools: [holdingPool] }).related.heldIn),
    ).toMatchObject({ address: "10.50.0.10", pool: "demo-vms" });
    const legacy = { ...holdingPool, status: { allocated: { "10.50.0.11": "demo/m-0" } } };
    const { heldIn } = createView({ pools: [legacy] }).related;
    expect(heldAddress(createView().object, heldIn)).toBeUndefined();
    expect(
      heldAddress(createView({ status: { allocatedIPAddress: "10.50.0.11" } }).object, heldIn)?.address,
    ).toBe("10.50.0.11");
  });

  it("of several takes the one the status names, else the first pool's", () => {
    const second = {
      ...holdingPool,
      metadata: { name: "a" },
      status: { allocated: { "10.9.0.1": "demo/m-0/machine-uid" } },
    };
    const { heldIn } = createView({ pools: [second, holdingPool] }).related;
    expect(heldAddress(createView().object, heldIn, ["demo-vms", "a"])?.pool).toBe("demo-vms");
    expect(heldAddress(createView().object, heldIn)?.pool).toBe("a");
    expect(
      heldAddress(createView({ status: { allocatedIPAddress: "10.50.0.10" } }).object, heldIn)?.pool,
    ).toBe("demo-vms");
  });
});
