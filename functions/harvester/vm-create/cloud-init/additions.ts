import { dhcpBootCommands } from "#functions/harvester/vm-create/cloud-init/dhcp.ts";

/** What a machine needs from us besides its bootstrap data. */
export interface Additions {
  /** OpenSSH public key that may log in. */
  readonly publicKey: string;
  /** Number of interfaces that get their address by DHCP; 0 with a static address. */
  readonly dhcpInterfaces: number;
}

/** cloud-config documents in the order they are merged, before the bootstrap data. */
export function additionalConfigs({
  publicKey,
  dhcpInterfaces,
}: Additions): readonly Readonly<Record<string, unknown>>[] {
  const key = publicKey.trim();
  return [
    {
      package_update: "true",
      // The guest agent reports the machine's addresses to Harvester.
      packages: ["qemu-guest-agent", "iptables"],
      runcmd: [["systemctl", "enable", "--now", "qemu-guest-agent.service"]],
    },
    key === "" ? {} : { ssh_authorized_keys: [key] },
    dhcpInterfaces === 0 ? {} : { bootcmd: dhcpBootCommands(dhcpInterfaces) },
  ];
}
