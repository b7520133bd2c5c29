import { everyOne } from "#cli/operator/every-one.ts";
import type { Hub } from "#events/hub/hub.ts";
import {
  certificateNames,
  CERTIFICATES_ANNOTATION,
  readCertificateRecord,
} from "#platform/cluster-api/certificate-record.ts";
import { machineView, NODE_CERTIFICATES_ANNOTATION } from "#platform/cluster-api/cluster.ts";
import { harvesterClusterView } from "#platform/cluster-api/harvester-cluster.ts";
import { nodeServers, readNodeCertificates } from "#platform/cluster-api/node-certificates.ts";
import { readSecretCertificate } from "#platform/cluster-api/secret-certificate.ts";
import { certificateMarks, identityMarks, secretView } from "#platform/cluster-api/secret.ts";
import { MANAGEMENT } from "#platform/kube/view.ts";
import type { Snapshot } from "#platform/observability/metrics.ts";
import { readIdentityRecord } from "#platform/incus/identity-record.ts";
import type { CertificateFacts } from "#platform/x509/certificate.ts";

const DAY_MS = 86_400_000;

type IdentityFigures = Pick<Snapshot, "identityCertificates" | "pinnedServers">;
type CertificateFigures = Pick<Snapshot, "certificates" | "machineCertificates" | "secretCertificates"> &
  IdentityFigures;

/** Days left of every certificate that is watched over, out of what was last seen of it. `now`: wall clock, ms. */
export function certificateFigures(hub: Hub, now: number): CertificateFigures {
  const daysLeft = daysLeftAt(now);
  const certificates = everyOne(hub, harvesterClusterView).flatMap(({ meta, metadata }) => {
    const record = readCertificateRecord(metadata.annotations[CERTIFICATES_ANNOTATION]);
    return certificateNames.flatMap((certificate) => {
      const facts = record?.[certificate];
      if (facts === undefined) return [];
      return [{ cluster: `${meta.namespace ?? ""}/${meta.name}`, certificate, daysLeft: daysLeft(facts) }];
    });
  });
  const first = new Map<string, CertificateFigures["machineCertificates"][number]>();
  for (const { meta, metadata, spec } of everyOne(hub, machineView)) {
    const shown = readNodeCertificates(metadata.annotations[NODE_CERTIFICATES_ANNOTATION])?.shown;
    for (const server of nodeServers) {
      const facts = shown?.[server];
      if (facts === undefined) continue;
      const cluster = `${meta.namespace ?? ""}/${spec.clusterName}`;
      const known = first.get(`${cluster} ${server}`)?.daysLeft ?? Infinity;
      const figure = { cluster, server, daysLeft: Math.min(known, daysLeft(facts)) };
      first.set(`${cluster} ${server}`, figure);
    }
  }
  const marked = { connection: MANAGEMENT, index: "certificate", value: "watched" };
  const secretCertificates = hub.index.find(secretView, marked).flatMap(({ meta, metadata }) => {
    const { stored } = readSecretCertificate(metadata.annotations?.[certificateMarks.seen]) ?? {};
    if (stored === undefined) return [];
    return [{ namespace: meta.namespace ?? "", secret: meta.name, daysLeft: daysLeft(stored) }];
  });
  const machineCertificates = [...first.values()];
  return { certificates, machineCertificates, secretCertificates, ...identityFigures(hub, now) };
}

function identityFigures(hub: Hub, now: number): IdentityFigures {
  const daysLeft = daysLeftAt(now);
  const marked = { connection: MANAGEMENT, index: "identity", value: "watched" };
  const identities = hub.index.find(secretView, marked).flatMap(({ meta, metadata }) => {
    const record = readIdentityRecord(metadata.annotations?.[identityMarks.seen]);
    return record === undefined
      ? []
      : [{ ...record, where: { namespace: meta.namespace ?? "", secret: meta.name } }];
  });
  const identityCertificates = identities.flatMap(({ where, client, server }) =>
    Object.entries({ client, server }).flatMap(([certificate, facts]) =>
      facts === undefined ? [] : [{ ...where, certificate, daysLeft: daysLeft(facts) }],
    ),
  );
  const pinnedServers = identities.flatMap(({ where, serverMatches: shown }) =>
    shown === undefined ? [] : [{ ...where, shown }],
  );
  return { identityCertificates, pinnedServers };
}

function daysLeftAt(now: number): (facts: CertificateFacts) => number {
  return ({ notAfter }) => (Date.parse(notAfter) - now) / DAY_MS;
}
