import { describe, expect, it } from "vitest";

import { machineAddresses, type AddressSources } from "#functions/harvester/machine-observe/addresses.ts";
import { virtualMachineInstanceView } from "#platform/harvester/virtual-machine.ts";

interface Nic {
  readonly name?: string;
  readonly ips: readonly string[];
}

function report(nics: readonly Nic[], sources: Partial<AddressSources> = {}, networks = ["nic-1", "nic-2"]) {
  const vmi = virtualMachineInstanceView.schema.parse({
    spec: { networks: networks.map((name) => ({ name })) },
    status: {
      phase: "Running",
      interfaces: nics.map(({ name, ips }) => ({ name, ipAddress: ips[0], ipAddresses: [...ips] })),
    },
  });
  return machineAddresses({
    name: "m",
    current: [],
    continuous: false,
    static: undefined,
    vmi,
    foreign: [],
    ...sources,
  });
}

function ips(addresses: ReturnType<typeof machineAddresses>): string[] | undefined {
  return addresses?.filter(({ type }) => type === "InternalIP").map(({ address }) => address);
}

function published(...list: string[]): AddressSources["current"] {
  return [
    { type: "Hostname", address: "m" },
    ...list.flatMap((address) => [
      { type: "InternalIP" as const, address },
      { type: "ExternalIP" as const, address },
    ]),
  ];
}

describe("the addresses of a machine", () => {
  it("are those of every network of the VM, as InternalIP and ExternalIP, and its name [check 75]", () => {
    expect(
      report([
        { name: "nic-1", ips: ["10.0.0.1"] },
        { name: "nic-2", ips: ["10.1.0.1"] },
      ]),
    ).toEqual(published("10.0.0.1", "10.1.0.1"));
  });

  it("leave out what only the guest knows: CNI bridges and tunnels [check 75]", () => {
    const nics = [
      { name: "nic-1", ips: ["10.0.0.1"] },
      { ips: ["10.42.0.1"] },
      { name: "cni0", ips: ["10.43.0.1"] },
    ];
    expect(ips(report(nics))).toEqual(["10.0.0.1"]);
  });

  it("leave out link-local, loopback and malformed ones", () => {
    const bad = [
      "169.254.1.1",
      "fe80::1",
      "127.0.0.1",
      "::1",
      "0.0.0.0",
      "fe80::1%eth0",
      "ff02::1",
      "224.0.0.1",
      "x",
    ];
    expect(report([{ name: "nic-1", ips: bad }])).toBeUndefined();
    expect(ips(report([{ name: "nic-1", ips: [...bad, "10.0.0.1", "fd00::1"] }]))).toEqual([
      "10.0.0.1",
      "fd00::1",
    ]);
  });

  it("are one of each family per interface, and never the control plane's virtual one", () => {
    const nics = [{ name: "nic-1", ips: ["10.0.0.250", "10.0.0.1", "10.0.0.2", "fd00::1", "fd00::2"] }];
    expect(ips(report(nics, { foreign: ["10.0.0.250"] }))).toEqual(["10.0.0.1", "fd00::1"]);
  });

  it("begin with the static one, also while the guest reports nothing", () => {
    expect(ips(report([], { static: "10.0.0.9" }))).toEqual(["10.0.0.9"]);
    expect(ips(report([{ name: "nic-1", ips: ["10.0.0.9"] }], { static: "10.0.0.9" }))).toEqual(["10.0.0.9"]);
  });

  it("stay while the report is empty or partial", () => {
    const sources = { current: published("10.0.0.1", "10.1.0.1"), continuous: true };
    expect(report([], sources)).toBeUndefined();
    expect(report([{ name: "nic-1", ips: ["10.0.0.1"] }], sources)).toBeUndefined();
    expect(report([{ name: "nic-2", ips: ["10.1.0.1"] }], sources)).toBeUndefined();
  });

  it("lose an old one for a new one only when every interface reports", () => {
    const sources = { current: published("10.0.0.1", "10.1.0.1"), continuous: true };
    expect(ips(report([{ name: "nic-1", ips: ["10.0.0.2"] }], sources))).toEqual([
      "10.0.0.2",
      "10.0.0.1",
      "10.1.0.1",
    ]);
    const both = [
      { name: "nic-1", ips: ["10.0.0.2"] },
      { name: "nic-2", ips: ["10.1.0.1"] },
    ];
    expect(ips(report(both, sources))).toEqual(["10.0.0.2", "10.1.0.1"]);
  });

  it("are read anew when the VM has started again", () => {
    const sources = { current: published("10.0.0.1", "10.1.0.1"), continuous: false };
    expect(ips(report([{ name: "nic-1", ips: ["10.0.0.1"] }], sources))).toEqual(["10.0.0.1"]);
    expect(report([], sources)).toBeUndefined();
  });

  it("are bounded when a guest changes its addresses and one interface never has any", () => {
    let current = published("10.0.0.1");
    for (let last = 2; last < 200; last += 1) {
      current = [...report([{ name: "nic-1", ips: [`10.0.0.${last}`] }], { current, continuous: true })!];
      expect(current.length).toBeLessThanOrEqual(33);
    }
  });

  it("of a machine of the Go provider are completed, its CNI addresses forgotten [check 105]", () => {
    const current = [
      { type: "ExternalIP" as const, address: "10.0.0.1" },
      { type: "ExternalIP" as const, address: "10.42.0.1" },
    ];
    expect(report([{ name: "nic-1", ips: ["10.0.0.1"] }], { current, continuous: true })).toEqual(
      published("10.0.0.1"),
    );
    expect(report([], { current, continuous: true })).toBeUndefined();
  });
});
