import { isIP } from "node:net";
import { userOf } from "#functions/cluster-api/csr-approve/machine-requests.ts";
import type { SigningRequest } from "#platform/cluster-api/signing-request.ts";
import type { RequestedIdentity } from "#platform/x509/certificate-request.ts";

/** What a machine may be called and reached at. */
export interface MachineIdentity {
  /** Name of its Node. */
  readonly node: string;
  readonly addresses: readonly { readonly type: string; readonly address: string }[];
}

const ALLOWED_USAGES = ["digital signature", "key encipherment", "server auth"];

/**
 * Why a kubelet's request for a serving certificate is not approved, for people; undefined when all in it is the machine's own. Beyond what the
 * signer demands (Kubernetes, "Certificate Signing Requests", kubernetes.io/kubelet-serving) every name and address has to be the machine's.
 * Pure.
 */
export function refusal(
  { username, groups = [], usages = [] }: SigningRequest["spec"],
  asked: RequestedIdentity | undefined,
  { node, addresses }: MachineIdentity,
): string | undefined {
  const user = userOf(node);
  if (username !== user || !groups.includes("system:nodes")) return `it was not made by ${user}`;
  if (asked === undefined) return "it cannot be read, or is not signed with its own key";
  if (!usages.includes("server auth") || usages.some((usage) => !ALLOWED_USAGES.includes(usage))) {
    return "it asks for other uses than serving";
  }
  if (asked.commonNames.length !== 1 || asked.commonNames[0] !== user) return "its subject is another's";
  const [organization, ...more] = asked.organizations;
  if (organization !== "system:nodes" || more.length > 0 || asked.otherAttributes.length > 0) {
    return "its subject is in other groups than system:nodes";
  }
  const names = new Set([node, ...addresses.filter(isName).map(({ address }) => address.toLowerCase())]);
  const ips = new Set(addresses.map(({ address }) => canonical(address)));
  const foreign = [
    ...asked.dnsNames.filter((name) => !names.has(name.toLowerCase())),
    ...asked.addresses.filter((address) => !ips.has(canonical(address))),
  ];
  if (foreign.length > 0) return `the machine has not the name or address ${foreign.toSorted().join(", ")}`;
  if (asked.otherNames > 0) return "it has names that are neither DNS names nor IP addresses";
  return asked.dnsNames.length + asked.addresses.length === 0 ? "it has no name nor address" : undefined;
}

function isName({ type }: { readonly type: string }): boolean {
  return ["Hostname", "InternalDNS", "ExternalDNS"].includes(type);
}

/** One spelling for one address (RFC 5952); a name stays as it is. */
function canonical(address: string): string {
  return isIP(address) === 6 ? new URL(`http://[${address}]`).hostname : address;
}
