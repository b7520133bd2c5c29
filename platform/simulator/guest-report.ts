import type { GuestInterface, GuestSpec, Instance } from "#platform/simulator/guest-objects.ts";
import { linkLocalAddress, seededMacAddress } from "#platform/simulator/seeded-choice.ts";

/** An interface inside the guest that no network of the VirtualMachine stands for: a bridge or tunnel of a CNI plugin. */
export interface CniInterface {
  /** Name inside the guest, e.g. `cni0`, `flannel.1`. */
  readonly name: string;
  readonly address: string;
}

/** The interfaces as KubeVirt knows them without a guest agent: names and MAC addresses. */
export function interfacesWithoutAgent(guest: GuestSpec, macKey: string): GuestInterface[] {
  return guest.networks.map(({ name }, index) => ({
    infoSource: "domain, multus-status",
    mac:
      guest.domain.devices.interfaces.find((device) => device.name === name)?.macAddress ??
      seededMacAddress(macKey, String(index)),
    name,
  }));
}

/**
 * The interfaces with what the guest agent reports of them. `addresses` follows the order of the networks; an interface without
 * address is up but has only its link-local one.
 */
export function interfacesWithAgent(
  interfaces: readonly GuestInterface[],
  addresses: readonly (string | undefined)[],
): GuestInterface[] {
  return interfaces.map(({ name, mac }, index) => {
    const local = mac === undefined ? [] : [linkLocalAddress(mac)];
    const ipAddresses = [...(addresses[index] === undefined ? [] : [addresses[index]]), ...local];
    return {
      infoSource: "domain, guest-agent, multus-status",
      interfaceName: `eth${index}`,
      ...(ipAddresses[0] === undefined ? {} : { ipAddress: ipAddresses[0] }),
      ipAddresses,
      mac,
      name,
      queueCount: 1,
    };
  });
}

/** What only the guest agent knows of: KubeVirt reports such interfaces without a name. */
export function cniInterfaces(cni: readonly CniInterface[], macKey: string): GuestInterface[] {
  return cni.map(({ name, address }) => ({
    infoSource: "guest-agent",
    interfaceName: name,
    ipAddress: address,
    ipAddresses: [address],
    mac: seededMacAddress(macKey, name),
  }));
}

/** The interfaces after the guest agent fell silent. */
export function interfacesOfSilentAgent(instance: Instance): GuestInterface[] {
  return instance.status.interfaces
    .filter(({ name }) => name !== undefined)
    .map(({ name, mac }) => ({ infoSource: "domain, multus-status", name, mac }));
}

/** How the first interfaces get their address: from the text of the guest's network data, by Secret or in place. */
export type NetworkDataSource =
  | { readonly from: "secret"; readonly name: string }
  | { readonly from: "text"; readonly text: string }
  | { readonly from: "none" };

export function networkDataSource(guest: GuestSpec): NetworkDataSource {
  const cloudInit = guest.volumes.find((volume) => volume.cloudInitNoCloud !== undefined)?.cloudInitNoCloud;
  if (cloudInit?.networkDataSecretRef !== undefined) {
    return { from: "secret", name: cloudInit.networkDataSecretRef.name };
  }
  if (cloudInit?.networkData !== undefined) return { from: "text", text: cloudInit.networkData };
  if (cloudInit?.networkDataBase64 !== undefined) {
    return { from: "text", text: Buffer.from(cloudInit.networkDataBase64, "base64").toString("utf8") };
  }
  return { from: "none" };
}
