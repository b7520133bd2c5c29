import type { EtcdMember } from "#platform/etcd/answers.ts";

/** What a control plane machine's etcd member can be told by. */
export interface MemberIdentity {
  /** Name of the Machine, for messages. */
  readonly machine: string;
  /** Names its Node may have: the Node's own name when it is known. */
  readonly nodeNames: readonly string[];
  /** IP addresses and host names of the machine. */
  readonly addresses: readonly string[];
}

/** Which member is the machine's. */
export type MemberMatch =
  | { readonly kind: "none" }
  | { readonly kind: "one"; readonly member: EtcdMember }
  | { readonly kind: "unclear"; readonly message: string };

/** RKE2 and k3s name a member after its Node with eight hexadecimal digits more. */
const SUFFIX = /^-[0-9a-f]{8}$/;

/**
 * The member that has both the Node's name (as it is, or as RKE2 and k3s extend it) and an address of the machine. Only a member that has
 * never started has no name; then the address tells it alone. What fits by one of the two only is nobody's guess, unless it is another
 * machine's by address.
 */
export function matchMember(
  machine: MemberIdentity,
  members: readonly EtcdMember[],
  others: readonly MemberIdentity[],
): MemberMatch {
  const own = new Set(machine.addresses.map(canonical));
  const byAddress = members.filter((member) => hostsOf(member).some((host) => own.has(host)));
  const byName = members.filter(({ name }) => isNameOf(machine, name));
  const both = byAddress.filter((member) => byName.includes(member) || member.name === "");
  const [one, ...more] = both;
  if (one !== undefined && more.length === 0 && byAddress.length === 1) return { kind: "one", member: one };
  if (byAddress.length > 0) {
    const named = byAddress.map((member) => describeMember(member)).join(", ");
    return unclear(
      `${named} has an address of machine ${machine.machine}, but it is not the one member with the name of its Node`,
    );
  }
  const theirs = new Set(others.flatMap(({ addresses }) => addresses.map(canonical)));
  const [left] = byName.filter((member) => !hostsOf(member).some((host) => theirs.has(host)));
  if (left === undefined) return { kind: "none" };
  return unclear(
    own.size === 0
      ? `${describeMember(left)} has the name of machine ${machine.machine}, whose addresses are not known`
      : `${describeMember(left)} has the name of machine ${machine.machine}, but none of its addresses`,
  );
}

/** How a member is called in messages: its name, or its peer URL while it has none. */
export function describeMember({ name, peerURLs }: EtcdMember): string {
  return `member ${name === "" ? `at ${peerURLs[0] ?? "no address"}` : name}`;
}

function isNameOf({ nodeNames }: MemberIdentity, name: string): boolean {
  return nodeNames.some(
    (node) =>
      node !== "" && (name === node || (name.startsWith(node) && SUFFIX.test(name.slice(node.length)))),
  );
}

/** Hosts of a member's URLs; loopback is every machine's, so it tells nothing. */
function hostsOf({ peerURLs, clientURLs }: EtcdMember): string[] {
  return [...peerURLs, ...clientURLs]
    .map((url) => URL.parse(url)?.hostname ?? "")
    .filter((host) => !["", "localhost", "127.0.0.1", "[::1]"].includes(host));
}

/** An address as it stands in a URL: IPv6 in brackets and in its shortest form, names in lower case. */
function canonical(address: string): string {
  return URL.parse(`https://${address.includes(":") ? `[${address}]` : address}`)?.hostname ?? address;
}

function unclear(message: string): MemberMatch {
  return { kind: "unclear", message };
}
