import { dialled } from "#functions/cluster-api/etcd-survey.ts";
import { isControlPlane } from "#functions/cluster-api/node-cert-reissue/machine-world.ts";
import type { Machine } from "#platform/cluster-api/cluster.ts";
import type { NodeCertificates, NodeServer } from "#platform/cluster-api/node-certificates.ts";
import type { Seen } from "#platform/kube/view.ts";
import { factsOf, validityAt, type CertificateFacts, type Validity } from "#platform/x509/certificate.ts";
import { servedCertificates } from "#platform/x509/served-certificate.ts";

/** Ports of a control plane (Kubernetes, "Ports and Protocols"; RKE2, "Requirements", inbound network rules). */
const ports: Readonly<Record<NodeServer, number>> = {
  kubelet: 10_250,
  apiServer: 6_443,
  supervisor: 9_345,
  etcd: 2_379,
};

/** What the servers of a machine show, each asked once; who does not answer is left out. */
export async function shownBy(
  machine: Seen<Machine>,
  signal: AbortSignal,
): Promise<NodeCertificates["shown"]> {
  const servers: readonly NodeServer[] = isControlPlane(machine)
    ? ["kubelet", "apiServer", "supervisor", "etcd"]
    : ["kubelet"];
  const found = await Promise.all(
    servers.map(
      async (server) => [server, await firstShown(dialled(machine), ports[server], signal)] as const,
    ),
  );
  return Object.fromEntries(found.filter(([, facts]) => facts !== undefined));
}

async function firstShown(
  addresses: readonly string[],
  port: number,
  signal: AbortSignal,
): Promise<CertificateFacts | undefined> {
  const looks = addresses.map(async (address) => {
    const host = address.includes(":") ? `[${address}]` : address;
    const [leaf] = await servedCertificates(`https://${host}:${port}`, { signal });
    if (leaf === undefined) throw new Error("no certificate");
    return factsOf(leaf);
  });
  return Promise.any(looks).catch(() => undefined);
}

/** A certificate that is not as it should be. */
export interface Flaw {
  readonly server: NodeServer;
  readonly facts: CertificateFacts;
  readonly validity: Exclude<Validity, "valid">;
}

/** Servers whose certificate is due, over or not yet valid, worst first. Pure. */
export function flawsIn(shown: NodeCertificates["shown"], now: Date): readonly Flaw[] {
  const { kubelet, apiServer, supervisor, etcd } = shown;
  const all = { kubelet, apiServer, supervisor, etcd };
  const servers = ["apiServer", "etcd", "supervisor", "kubelet"] as const;
  const flaws = servers.flatMap((server) => {
    const facts = all[server];
    const validity = facts === undefined ? "valid" : validityAt(facts, now);
    if (facts === undefined || validity === "valid") return [];
    return validity === "due" && server === "kubelet" && !isKubeletLate(facts, now)
      ? []
      : [{ server, facts, validity }];
  });
  const severity: readonly Validity[] = ["expired", "due", "notYetValid"];
  return flaws.toSorted((a, b) => severity.indexOf(a.validity) - severity.indexOf(b.validity));
}

/** A kubelet asks for a successor by itself when 70 to 90 % of the life are over (Kubernetes, "Certificate Rotation"). */
function isKubeletLate({ notBefore, notAfter }: CertificateFacts, now: Date): boolean {
  const end = Date.parse(notAfter);
  return now.getTime() > end - (end - Date.parse(notBefore)) / 10;
}
