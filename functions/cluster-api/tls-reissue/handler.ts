import type { X509Certificate } from "node:crypto";
import { isDeepStrictEqual } from "node:util";
import { lookAtAnnotation } from "#api/names.ts";
import { valueOf } from "#functions/cluster-api/issuing-authority.ts";
import { finding } from "#functions/cluster-api/tls-reissue/finding.ts";
import { next } from "#functions/cluster-api/tls-reissue/next.ts";
import { renew, type Renewal } from "#functions/cluster-api/tls-reissue/renewal.ts";
import { seenServed } from "#functions/cluster-api/tls-reissue/served.ts";
import type { Deps } from "#functions/contract/deps.ts";
import type { StepEvent } from "#functions/contract/function.ts";
import { done, type Outcome } from "#functions/contract/outcome.ts";
import { seenAs } from "#functions/harvester/fresh-look.ts";
import { readSecretCertificate, type SecretCertificate } from "#platform/cluster-api/secret-certificate.ts";
import {
  certificateMarks,
  isMarkedCertificate,
  secretView,
  type CertificateMarks,
  type SecretPresence,
} from "#platform/cluster-api/secret.ts";
import type { KubeObject } from "#platform/kube/resource.ts";
import { secrets } from "#platform/kube/resources.ts";
import { MANAGEMENT } from "#platform/kube/view.ts";
import { factsOf, readCertificate, validityAt } from "#platform/x509/certificate.ts";

/**
 * Reads the certificate in a marked Secret, has it renewed when it is due, looks at what is served, and keeps dates and fingerprints on the
 * Secret. A renewal whose certificate is not served is not done.
 */
export async function reissueMarked(
  { object }: StepEvent<SecretPresence, object>,
  deps: Deps,
): Promise<Outcome> {
  const { namespace, name, uid } = object.meta;
  const secret = await deps.management.get(secrets, { namespace, name });
  if (secret?.metadata.uid !== uid || secret.metadata.deletionTimestamp !== undefined) return done();
  const marks = seenOf(secret).metadata.annotations;
  if (marks === undefined || !isMarkedCertificate(marks)) return done();
  const known = readSecretCertificate(marks[certificateMarks.seen]);
  const leaf = readCertificate(valueOf(secret, "tls.crt") ?? "");
  const renewal = leaf === undefined ? undefined : await renewWhenDue({ secret, leaf, marks, known }, deps);
  const current = renewal?.kind === "renewed" ? renewal : { secret, leaf };
  const record = await recordOf(current.leaf, { marks, known, renewal, name }, deps);
  const written = await keep(current.secret, deps, { known, record });
  tellPeople(written, deps, { known, record, renewal });
  return next(seenOf(written), record, deps.now());
}

interface Found {
  readonly name: string;
  readonly marks: CertificateMarks;
  readonly known: SecretCertificate | undefined;
  readonly renewal: Renewal | undefined;
}

/** What is known now, and what of it a person has to mend. */
async function recordOf(
  leaf: X509Certificate | undefined,
  { name, marks, known, renewal }: Found,
  deps: Deps,
): Promise<SecretCertificate> {
  const stored = leaf === undefined ? undefined : factsOf(leaf);
  const servedAt = marks[certificateMarks.servedAt];
  const looks = isSame(known?.stored, stored) ? (known?.unserved ?? 0) : 0;
  const lookAt = marks[lookAtAnnotation];
  const record: SecretCertificate = {
    checked: deps.now().toISOString(),
    ...(stored !== undefined && { stored }),
    ...(await seenServed(stored, servedAt, { looks, signal: deps.signal })),
    ...(renewal?.kind === "asked" && { asked: renewal.asked, asks: renewal.asks }),
    ...(lookAt !== undefined && { lookAt }),
  };
  const told = finding({ name, record, renewal, servedAt }, deps.now());
  return { ...record, ...(told !== undefined && { told }) };
}

function renewWhenDue(due: Parameters<typeof renew>[0], deps: Deps): Promise<Renewal | undefined> {
  const validity = validityAt(factsOf(due.leaf), deps.now());
  return validity === "due" || validity === "expired" ? renew(due, deps) : Promise.resolve(undefined);
}

/** Writes what was seen, unless it stands there already. */
async function keep(
  secret: KubeObject,
  deps: Deps,
  { known, record }: { known: SecretCertificate | undefined; record: SecretCertificate },
): Promise<KubeObject> {
  const facts = (seen: SecretCertificate) => ({ ...seen, checked: "" });
  if (known !== undefined && isDeepStrictEqual(facts(known), facts(record))) return secret;
  const { namespace, name, resourceVersion } = secret.metadata;
  const annotations = { [certificateMarks.seen]: JSON.stringify(record) };
  const patch = { metadata: { resourceVersion, annotations } };
  return deps.management.mergePatch(secrets, { namespace, name }, patch);
}

/** Kubernetes Events: of a renewal, and of what a person has to mend when it is news. */
function tellPeople(
  secret: KubeObject,
  deps: Deps,
  { known, record, renewal }: Pick<Found, "known" | "renewal"> & { record: SecretCertificate },
): void {
  const identity = { type: secrets, meta: seenOf(secret).meta };
  const isOurs = renewal?.kind === "renewed" || known?.asks !== undefined;
  if (isOurs && record.stored !== undefined && !isSame(known?.stored, record.stored)) {
    deps.count("capfn_certificates_reissued_total");
    const message = `the certificate in Secret ${secret.metadata.name} is renewed; it is valid to ${record.stored.notAfter}`;
    deps.announce(identity, { type: "Normal", reason: "CertificateReissued", message });
  }
  const { told } = record;
  if (told !== undefined && !isDeepStrictEqual(told, known?.told)) {
    deps.announce(identity, { type: "Warning", ...told });
  }
}

function isSame(one: SecretCertificate["stored"], other: SecretCertificate["stored"]): boolean {
  return one?.fingerprint === other?.fingerprint;
}

function seenOf(secret: KubeObject) {
  return seenAs(secretView, secret, MANAGEMENT);
}
