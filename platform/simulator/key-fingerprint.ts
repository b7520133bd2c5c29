import { createHash } from "node:crypto";

/**
 * The legacy MD5 fingerprint of an OpenSSH public key (`ssh-ed25519 AAAA... comment`), as Harvester puts it into a KeyPair's status:
 * colon-separated hex (RFC 4716, section 4). Undefined when the text is no public key: the type named in front must be the one
 * encoded within (RFC 4253, 6.6).
 */
export function keyFingerprint(publicKey: string): string | undefined {
  const [type, encoded] = publicKey.trim().split(/\s+/);
  if (type === undefined || encoded === undefined) return undefined;
  const blob = Buffer.from(encoded, "base64");
  if (blob.length < 4) return undefined;
  const length = blob.readUInt32BE(0);
  if (blob.subarray(4, 4 + length).toString("latin1") !== type) return undefined;
  return createHash("md5")
    .update(blob)
    .digest("hex")
    .replaceAll(/(..)(?=.)/g, "$1:");
}
