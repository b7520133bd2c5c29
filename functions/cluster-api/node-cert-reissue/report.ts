import { isDeepStrictEqual } from "node:util";
import { clusterReasons } from "#api/condition-names.ts";
import { writeMachineCondition } from "#functions/cluster-api/machine-condition.ts";
import { recordOf } from "#functions/cluster-api/node-cert-reissue/machine-world.ts";
import type { Flaw } from "#functions/cluster-api/node-cert-reissue/shown.ts";
import type { Deps } from "#functions/contract/deps.ts";
import { machineView, NODE_CERTIFICATES_ANNOTATION, type Machine } from "#platform/cluster-api/cluster.ts";
import type { NodeCertificates, NodeServer } from "#platform/cluster-api/node-certificates.ts";
import { seenAs } from "#functions/harvester/fresh-look.ts";
import { machines } from "#platform/kube/resources.ts";
import type { Seen } from "#platform/kube/view.ts";

/** Condition of a Machine: False while a certificate that it serves with needs a person. Absent until one once did. */
export const NODE_CERTIFICATES_CONDITION = "CertificatesValid";

const servers: Readonly<Record<NodeServer, string>> = {
  kubelet: "its kubelet",
  apiServer: "its API server",
  supervisor: "its supervisor",
  etcd: "its etcd member",
};

/** What is to be told of certificates that are not renewed by us, and why. Pure. */
export function telling(flaws: readonly Flaw[], why: string): NodeCertificates["told"] {
  const [worst] = flaws;
  if (worst === undefined) return undefined;
  const told = flaws.map(({ server, facts, validity }) => {
    const [begins, ends] = [facts.notBefore.slice(0, 10), facts.notAfter.slice(0, 10)];
    const what = `the certificate that ${servers[server]} shows`;
    switch (validity) {
      case "expired":
        return `${what} expired on ${ends}`;
      case "due":
        return `${what} expires on ${ends}`;
      case "notYetValid":
        return `${what} is valid from ${begins} on only`;
    }
  });
  const reasons = {
    expired: clusterReasons.CertificateExpired,
    due: clusterReasons.CertificateExpiring,
    notYetValid: clusterReasons.CertificateNotYetValid,
  } as const;
  return { reason: reasons[worst.validity], message: `${told.join("; ")}; ${why}` };
}

/** The servers a message is about. */
export function namesOf(which: readonly NodeServer[]): string {
  return which.map((server) => servers[server]).join(", ");
}

/** Keeps what was seen on the Machine, under the version it was read at, and tells people what is news. */
export async function keep(
  machine: Seen<Machine>,
  record: NodeCertificates,
  deps: Deps,
): Promise<Seen<Machine>> {
  const known = recordOf(machine);
  const { namespace, name, resourceVersion, connection } = machine.meta;
  const annotations = { [NODE_CERTIFICATES_ANNOTATION]: JSON.stringify(record) };
  const patch = { metadata: { resourceVersion, annotations } };
  const written = await deps.management.mergePatch(machines, { namespace, name }, patch);
  if (!isDeepStrictEqual(known?.told, record.told)) await tell(machine, record.told, deps);
  return seenAs(machineView, written, connection);
}

async function tell(machine: Seen<Machine>, told: NodeCertificates["told"], deps: Deps): Promise<void> {
  const { CertificatesValid: reason } = clusterReasons;
  const type = NODE_CERTIFICATES_CONDITION;
  const wanted =
    told === undefined
      ? ({ type, status: "True", reason, message: "" } as const)
      : ({ type, status: "False", ...told } as const);
  await writeMachineCondition(machine, wanted, deps);
  if (told !== undefined) deps.announce({ type: machines, meta: machine.meta }, { type: "Warning", ...told });
}
