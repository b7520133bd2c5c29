import { nextLook } from "#functions/cluster-api/certificate-look.ts";
import { change, failed, waitFor, type Outcome } from "#functions/contract/outcome.ts";
import type { SecretCertificate } from "#platform/cluster-api/secret-certificate.ts";
import type { SecretPresence } from "#platform/cluster-api/secret.ts";
import { secrets } from "#platform/kube/resources.ts";
import type { Seen } from "#platform/kube/view.ts";

/** How often a new certificate is looked for where it is served, at growing distances, half an hour in all. */
const MOST_LOOKS = 6;
/** The first of these distances, ms; each is twice the one before. */
const FIRST_LOOK_MS = 60_000;
/** How often it is looked whether cert-manager has issued, ms. */
const ASKED_LOOK_MS = 5 * 60_000;
const DAY_MS = 24 * 60 * 60_000;

/**
 * What is stored and not served is looked for a few times, then parked. Everything else waits for new content of the Secret: what it holds
 * cannot be seen from outside, but that it changed can. Or for two thirds of the life that ends first, and from then on a day.
 */
export function next(secret: Seen<SecretPresence>, record: SecretCertificate, now: Date): Outcome {
  const { unserved, told } = record;
  if (unserved !== undefined && unserved >= MOST_LOOKS && told !== undefined) {
    return failed(told.reason, told.message);
  }
  return waitFor([change(secrets, secret)], pause(record, now));
}

function pause(record: SecretCertificate, now: Date) {
  const { stored, served } = record;
  const certificates = [stored, served].filter((facts) => facts !== undefined);
  const due = nextLook(certificates, now.toISOString())?.getTime() ?? now.getTime() + DAY_MS;
  const soon = sooner(record);
  const reason = soon?.reason ?? "the certificate is looked at when it changes, and when it is due";
  return { timeoutMs: Math.min(soon?.timeoutMs ?? Infinity, due - now.getTime()), reason };
}

/** What is under way is looked at before it is due again. */
function sooner({ unserved, asks }: SecretCertificate) {
  if (unserved !== undefined) {
    const reason = "the certificate in the Secret is not served yet";
    return { timeoutMs: FIRST_LOOK_MS * 2 ** Math.min(unserved - 1, MOST_LOOKS), reason };
  }
  return asks === undefined
    ? undefined
    : { timeoutMs: ASKED_LOOK_MS, reason: "cert-manager has been asked for a new certificate" };
}
