import { createHash } from "node:crypto";

const LETTERS = "abcdefghijklmnopqrstuvwxyz";
const DIGITS = "0123456789";

/** Name of a disk's PersistentVolumeClaim: the same at every attempt, another for a namesake of the machine. */
export function claimName(vmName: string, identity: string, index: number): string {
  return `${vmName}-disk-${index}-${suffix(`${identity}/disk/${index}`)}`;
}

/** Name of the Secret with the machine's cloud-init data. */
export function cloudInitSecretName(vmName: string): string {
  return `${vmName}-cloud-init`;
}

/**
 * MAC address of an interface, known before the VM exists, so that its network configuration can name the interface by it. Locally
 * administered and unicast (IEEE 802, second and first bit of the first octet), the other 46 bits from the machine's identity.
 */
export function macAddress(identity: string, index: number): string {
  const octets = digest(`${identity}/nic/${index}`).subarray(0, 6);
  octets.writeUInt8((octets.readUInt8(0) & 0b1111_1100) | 0b0000_0010, 0);
  return [...octets].map((octet) => octet.toString(16).padStart(2, "0")).join(":");
}

/** Five characters as Harvester's UI gives disks: three letters, a digit, a letter. */
function suffix(seed: string): string {
  const bytes = digest(seed);
  return [LETTERS, LETTERS, LETTERS, DIGITS, LETTERS]
    .map((alphabet, index) => alphabet.charAt(bytes.readUInt16BE(index * 2) % alphabet.length))
    .join("");
}

function digest(seed: string): Buffer {
  return createHash("sha256").update(seed).digest();
}
