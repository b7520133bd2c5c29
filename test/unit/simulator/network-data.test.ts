import { expect, test } from "vitest";
import { staticAddresses } from "#platform/simulator/network-data.ts";

test("version 1: static addresses by interface, undefined where DHCP is asked", () => {
  const text = `version: 1
config:
  - type: physical
    name: eth0
    subnets: [{ type: static, address: 10.50.0.12, netmask: 255.255.0.0 }]
  - type: physical
    name: eth1
    subnets: [{ type: dhcp }]
  - type: nameserver
    address: [10.50.0.2]
`;
  expect(staticAddresses(text)).toEqual(["10.50.0.12", undefined]);
});

test("version 2, also below network: the first address without its prefix length", () => {
  const text = "ethernets:\n    eth0:\n      addresses: [10.50.0.12/16]\n    eth1: { dhcp4: true }\n";
  const indented = `network:\n  version: 2\n  ${text.replaceAll("\n", "\n  ")}`;
  expect(staticAddresses(`version: 2\n${text}`)).toEqual(["10.50.0.12", undefined]);
  expect(staticAddresses(indented)).toEqual(["10.50.0.12", undefined]);
});

test("what is no network data configures nothing", () => {
  for (const text of ["", "version: 3", "[", "just text"]) expect(staticAddresses(text)).toEqual([]);
});
