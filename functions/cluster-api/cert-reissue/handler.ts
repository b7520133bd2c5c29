import { isDeepStrictEqual } from "node:util";
import { lookAtAnnotation } from "#api/names.ts";
import type { Deps } from "#functions/contract/deps.ts";
import type { StepEvent } from "#functions/contract/function.ts";
import { done, requeueAfter, type Emission, type Outcome } from "#functions/contract/outcome.ts";
import {
  kubeconfigName,
  type CertificateView,
  type CertificateWorld,
} from "#functions/cluster-api/cert-reissue/cluster-certificates.ts";
import {
  readableConfig,
  seenInIdentity,
  seenInKubeconfig,
  seenOnTheWire,
} from "#functions/cluster-api/cert-reissue/look.ts";
import { reissueKubeconfig, type DueCertificate } from "#functions/cluster-api/cert-reissue/reissue.ts";
import { valueOf } from "#functions/cluster-api/issuing-authority.ts";
import { isIdle } from "#functions/harvester/owner-cluster.ts";
import { certificateCondition, isShown } from "#functions/cluster-api/cert-reissue/report.ts";
import {
  CERTIFICATES_ANNOTATION,
  readCertificateRecord,
  type CertificateRecord,
} from "#platform/cluster-api/certificate-record.ts";
import { mergeConditions, type WantedCondition } from "#platform/cluster-api/conditions.ts";
import type { HarvesterClusterBody } from "#platform/cluster-api/harvester-cluster.ts";
import { harvesterClusters, secrets } from "#platform/kube/resources.ts";
import { factsOf, readCertificate, validityAt } from "#platform/x509/certificate.ts";

/** An API server that does not answer yet, or just now. */
const UNANSWERED_MS = 10 * 60_000;

type CertificateEvent = StepEvent<HarvesterClusterBody, CertificateWorld>;

/**
 * Reads the certificates in the kubeconfig Secret and what the API server shows, reissues the client certificate when it is due and ours to
 * reissue, and keeps dates and fingerprints on the HarvesterCluster. Nothing else of the Secret leaves this step.
 */
export async function reissueCertificates(event: CertificateEvent, deps: Deps): Promise<Outcome> {
  const { object, related } = event;
  if (related.cluster === undefined || isIdle(object, related.cluster)) return done();
  const cluster = { namespace: object.meta.namespace ?? "", name: related.cluster.meta.name };
  const secretName = { namespace: cluster.namespace, name: kubeconfigName(related.cluster) };
  const secret = await deps.management.get(secrets, secretName);
  if (secret === undefined) return done();
  const kubeconfig = valueOf(secret, "value") ?? "";
  const config = readableConfig(kubeconfig);
  const wire = config === undefined ? {} : await seenOnTheWire(config, deps.signal);
  const certificate = readCertificate(config?.clientCertPem ?? "");
  const reissue =
    certificate === undefined
      ? undefined
      : await reissueWhenDue({ cluster, secret, kubeconfig, certificate }, event, deps);
  const lookAt = object.metadata.annotations[lookAtAnnotation];
  const known = readCertificateRecord(object.metadata.annotations[CERTIFICATES_ANNOTATION]);
  const record: CertificateRecord = {
    checked: deps.now().toISOString(),
    secret: secret.metadata.resourceVersion,
    ...(lookAt !== undefined && { lookAt }),
    ...(config !== undefined && seenInKubeconfig(config)),
    ...(await seenInIdentity(object.spec.identitySecret, deps)),
    ...(wire ?? { ...lastShown(known), unanswered: true }),
    ...reissue,
  };
  const wanted = certificateCondition(event, record);
  const isTold = wanted === undefined || isShown(event, wanted);
  if (wire === undefined && isTold && known !== undefined && sameFacts(known, record)) return unanswered();
  const { resourceVersion } = await keep(event, deps, record);
  const emissions = isTold ? [] : await tell(event, deps, wanted, resourceVersion);
  return wire === undefined ? unanswered() : done(emissions);
}

function unanswered(): Outcome {
  return requeueAfter(UNANSWERED_MS, "the API server does not show its certificate");
}

/** What becomes of the client certificate: nothing yet, a new one in a new version of the Secret, or why it stays. */
async function reissueWhenDue(
  due: DueCertificate,
  { object }: CertificateEvent,
  deps: Deps,
): Promise<Pick<CertificateRecord, "kept"> | Pick<CertificateRecord, "secret" | "kubeconfig"> | undefined> {
  const validity = validityAt(factsOf(due.certificate), deps.now());
  if (validity !== "due" && validity !== "expired") return undefined;
  const reissue = await reissueKubeconfig(due, deps);
  if ("kept" in reissue) return reissue;
  deps.count("capfn_certificates_reissued_total");
  const facts = factsOf(reissue.certificate);
  const message = `the client certificate in Secret ${due.secret.metadata.name} is reissued; it is valid to ${facts.notAfter}`;
  const identity = { type: harvesterClusters, meta: object.meta };
  deps.announce(identity, { type: "Normal", reason: "CertificateReissued", message });
  return { secret: reissue.secret.metadata.resourceVersion, kubeconfig: facts };
}

async function keep({ object }: CertificateView, deps: Deps, record: CertificateRecord) {
  const { namespace, name, resourceVersion } = object.meta;
  const annotations = { [CERTIFICATES_ANNOTATION]: JSON.stringify(record) };
  const patch = { metadata: { resourceVersion, annotations } };
  const written = await deps.management.mergePatch(harvesterClusters, { namespace, name }, patch);
  return written.metadata;
}

/** Writes the condition; an Event and an emission go with it when it says something else than before. */
async function tell(
  { object }: CertificateView,
  deps: Deps,
  wanted: WantedCondition,
  resourceVersion: string,
): Promise<readonly Emission[]> {
  const { conditions } = object.status;
  const { namespace, name } = object.meta;
  const status = { conditions: mergeConditions(conditions, [wanted], deps.now()) };
  const patch = { metadata: { resourceVersion }, status };
  await deps.management.mergePatch(harvesterClusters, { namespace, name }, patch, { subresource: "status" });
  const { reason, message } = wanted;
  const isFine = wanted.status === "True";
  deps.announce(
    { type: harvesterClusters, meta: object.meta },
    isFine
      ? { type: "Normal", reason, message: "the certificates of the cluster are in order again" }
      : { type: "Warning", reason, message },
  );
  if (isFine) return [];
  const data = { cluster: `${namespace ?? ""}/${name}`, reason, message };
  return [{ type: "dev.capfn.certificate.expiring", data }];
}

function lastShown(known: CertificateRecord | undefined): Partial<CertificateRecord> {
  return known?.apiServer === undefined ? {} : { apiServer: known.apiServer };
}

function sameFacts(one: CertificateRecord, other: CertificateRecord): boolean {
  const facts = ({ checked: _checked, ...rest }: CertificateRecord) => rest;
  return isDeepStrictEqual(facts(one), facts(other));
}
