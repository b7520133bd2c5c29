import { createHash, createHmac } from "node:crypto";

/** One key by which a host is known. */
interface Pin {
  /** Whether the line is about a host of this name; `[name]:port` when the port is not 22. */
  readonly covers: (name: string) => boolean;
  /** Key type, e.g. `ssh-ed25519`; undefined when only the fingerprint is known. */
  readonly type: string | undefined;
  /** SHA-256 of the public key, base64 without padding. */
  readonly sha256: string;
  readonly revoked: boolean;
}

/** All pinned keys, of all hosts. */
export type HostKeys = readonly Pin[];

type HostKeyAlgorithm =
  | "ssh-ed25519"
  | "ecdsa-sha2-nistp256"
  | "ecdsa-sha2-nistp384"
  | "ecdsa-sha2-nistp521"
  | "rsa-sha2-512"
  | "rsa-sha2-256";

/** What one host may show. */
export interface ExpectedKeys {
  /** Host key algorithms to agree on, so that a host with keys of several types shows one that is pinned; undefined: any. */
  readonly algorithms: readonly HostKeyAlgorithm[] | undefined;
  accepts(key: Buffer): boolean;
}

const SSH_PORT = 22;
const FINGERPRINT = /^SHA256:(?<sha256>[A-Za-z0-9+/]{43})$/;
/** RSA keys are shown with the signatures of RFC 8332; SHA-1 is not offered. */
const algorithmsOf = new Map<string, readonly HostKeyAlgorithm[]>([
  ["ssh-ed25519", ["ssh-ed25519"]],
  ["ecdsa-sha2-nistp256", ["ecdsa-sha2-nistp256"]],
  ["ecdsa-sha2-nistp384", ["ecdsa-sha2-nistp384"]],
  ["ecdsa-sha2-nistp521", ["ecdsa-sha2-nistp521"]],
  ["ssh-rsa", ["rsa-sha2-512", "rsa-sha2-256"]],
]);

/**
 * Pinned keys from lines of a known_hosts file (sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT"), or, as text for people, which line is wrong and how to
 * mend it. In the place of type and key there may be a fingerprint as `ssh-keygen -l` prints it: `<hosts> SHA256:<43 characters>`.
 */
export function parseHostKeys(text: string): HostKeys | string {
  const pins: Pin[] = [];
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    const words = line.trim().split(/\s+/);
    if (words[0] === undefined || words[0] === "" || words[0].startsWith("#")) continue;
    const pin = pinOf(words);
    if (typeof pin === "string") return `line ${index + 1} ${pin}`;
    pins.push(pin);
  }
  return pins;
}

/** What a host may show that is dialled at this port and known under these names; undefined when no key is pinned for it. */
export function expectedKeys(
  hostKeys: HostKeys,
  names: readonly string[],
  port = SSH_PORT,
): ExpectedKeys | undefined {
  const known = names.map((name) => (port === SSH_PORT ? name : `[${name}]:${port}`).toLowerCase());
  const covering = hostKeys.filter(({ covers }) => known.some((name) => covers(name)));
  const revoked = new Set(covering.filter((pin) => pin.revoked).map(({ sha256 }) => sha256));
  const pinned = covering.filter((pin) => !pin.revoked && !revoked.has(pin.sha256));
  if (pinned.length === 0) return undefined;
  const types = pinned.map(({ type }) => type);
  const accepted = new Set(pinned.map(({ sha256 }) => sha256));
  return {
    algorithms: types.includes(undefined)
      ? undefined
      : [...new Set(types.flatMap((type = "") => algorithmsOf.get(type) ?? []))],
    accepts: (key) => accepted.has(fingerprint(key)),
  };
}

function pinOf(words: readonly string[]): Pin | string {
  const [first = "", ...rest] = words;
  if (first.startsWith("@") && first !== "@revoked") {
    return `has the marker ${first}; only @revoked is supported: pin the hosts' own keys`;
  }
  const revoked = first === "@revoked";
  const [hosts, type, key] = revoked ? rest : words;
  const covers = hosts === undefined ? undefined : coverage(hosts);
  if (covers === undefined) return "excludes hosts with !; name those that are meant instead";
  const sha256 = FINGERPRINT.exec(type ?? "")?.groups?.["sha256"];
  if (sha256 !== undefined) return { covers, type: undefined, sha256, revoked };
  if (type === undefined || !algorithmsOf.has(type)) {
    return `must be "<hosts> <key type> <key>" or "<hosts> SHA256:<fingerprint>" with one of the key types ${[...algorithmsOf.keys()].join(", ")}; take it from ssh-keyscan`;
  }
  const blob = Buffer.from(key ?? "", "base64");
  if (typeIn(blob) !== type) return `holds no key of type ${type}; take the whole line from ssh-keyscan`;
  return { covers, type, sha256: fingerprint(blob), revoked };
}

/** Undefined when the patterns are of a kind that is not supported. */
function coverage(hosts: string): Pin["covers"] | undefined {
  const hashed = /^\|1\|(?<salt>[^|]+)\|(?<hash>[^|]+)$/.exec(hosts)?.groups;
  if (hashed !== undefined) {
    const salt = Buffer.from(hashed["salt"] ?? "", "base64");
    return (name) => createHmac("sha1", salt).update(name).digest("base64") === hashed["hash"];
  }
  const patterns = hosts.toLowerCase().split(",");
  if (patterns.some((pattern) => pattern.startsWith("!"))) return undefined;
  const expressions = patterns.map(
    (pattern) =>
      new RegExp(
        `^${pattern
          .replaceAll(/[\\^$.|+()[\]{}]/g, String.raw`\$&`)
          .replaceAll("*", ".*")
          .replaceAll("?", ".")}$`,
      ),
  );
  return (name) => expressions.some((expression) => expression.test(name));
}

/** The type a public key names itself by (RFC 4253, 6.6); undefined when it is none. */
function typeIn(key: Buffer): string | undefined {
  if (key.length < 4) return undefined;
  const length = key.readUInt32BE(0);
  return length + 4 < key.length ? key.toString("latin1", 4, 4 + length) : undefined;
}

function fingerprint(key: Buffer): string {
  return createHash("sha256").update(key).digest("base64").replace(/=+$/, "");
}
