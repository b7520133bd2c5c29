import { isDeepStrictEqual } from "node:util";
import { lookAtAnnotation } from "#api/names.ts";
import { nextLook } from "#functions/cluster-api/certificate-look.ts";
import type { Deps } from "#functions/contract/deps.ts";
import type { StepEvent } from "#functions/contract/function.ts";
import { change, done, waitFor, type Outcome } from "#functions/contract/outcome.ts";
import { seenAs } from "#functions/harvester/fresh-look.ts";
import { finding } from "#functions/incus/identity-rotate/finding.ts";
import { readIdentity, type ClientPair, type Identity } from "#functions/incus/identity-rotate/identity.ts";
import { GRACE_MS, planRotation } from "#functions/incus/identity-rotate/plan.ts";
import { abandon, prepare, replaceClient, retire } from "#functions/incus/identity-rotate/rotation.ts";
import { lookAtServer } from "#functions/incus/identity-rotate/server.ts";
import { trustAdmin, whyRefused } from "#functions/incus/identity-rotate/trust-store.ts";
import {
  identityMarks,
  isMarkedIdentity,
  secretView,
  type CertificateMarks,
  type SecretPresence,
} from "#platform/cluster-api/secret.ts";
import { IncusError } from "#platform/incus/errors.ts";
import { readIdentityRecord, type IdentityRecord } from "#platform/incus/identity-record.ts";
import type { KubeObject } from "#platform/kube/resource.ts";
import { secrets } from "#platform/kube/resources.ts";
import { MANAGEMENT, type Seen } from "#platform/kube/view.ts";

const DAY_MS = 24 * 60 * 60_000;
const SHORTEST_WAIT_MS = 1_000;
/** After a server did not answer. */
const SOON_MS = 5 * 60_000;

/** Marked Secrets that hold a certificate this one held before, or whose certificate is not known. */
export interface IdentityRelated {
  readonly others: readonly Seen<SecretPresence>[];
}

/** Looks at the certificates of an identity, replaces the client's when it is due and may be, and keeps dates and fingerprints on the Secret. */
export async function rotateIdentity(
  { object, related }: StepEvent<SecretPresence, IdentityRelated>,
  deps: Deps,
): Promise<Outcome> {
  const { namespace, name, uid } = object.meta;
  const secret = await deps.management.get(secrets, { namespace, name });
  if (secret?.metadata.uid !== uid || secret.metadata.deletionTimestamp !== undefined) return done();
  const marks = seenOf(secret).metadata.annotations;
  if (marks === undefined || !isMarkedIdentity(marks)) return done();
  const known = readIdentityRecord(marks[identityMarks.seen]);
  const identity = readIdentity(secret);
  const turn =
    typeof identity === "string"
      ? untouched(secret)
      : await work({ secret, identity, marks, known, related }, deps);
  const lookAt = marks[lookAtAnnotation];
  const record: IdentityRecord = {
    checked: deps.now().toISOString(),
    ...(turn.client !== undefined && { client: turn.client.facts }),
    ...turn.seen,
    ...(turn.former.length > 0 && { former: [...turn.former] }),
    ...(lookAt !== undefined && { lookAt }),
  };
  const unreadable = typeof identity === "string" ? identity : undefined;
  const told = finding({ name, record, unreadable, kept: turn.kept }, deps.now());
  const full = { ...record, ...(told !== undefined && { told }) };
  const written = await keep(turn.secret, full, deps);
  tellPeople(written, { known, record: full, isReplaced: turn.isReplaced }, deps);
  return next(written, full, { soon: turn.soon, now: deps.now() });
}

/** How the Secret and the trust store are after what could be done now. */
interface Turn {
  readonly secret: KubeObject;
  readonly client: ClientPair | undefined;
  readonly seen: Pick<IdentityRecord, "server" | "serverMatches">;
  readonly former: readonly NonNullable<IdentityRecord["former"]>[number][];
  readonly isReplaced: boolean;
  readonly kept: string | undefined;
  /** Time of the next look, when it is not the certificates that say it. */
  readonly soon: Date | undefined;
}

interface Situation {
  readonly secret: KubeObject;
  readonly identity: Identity;
  readonly marks: CertificateMarks;
  readonly known: IdentityRecord | undefined;
  readonly related: IdentityRelated;
}

function untouched(secret: KubeObject): Turn {
  return {
    secret,
    client: undefined,
    seen: {},
    former: [],
    isReplaced: false,
    kept: undefined,
    soon: undefined,
  };
}

async function work({ secret, identity, marks, known, related }: Situation, deps: Deps): Promise<Turn> {
  const seen = await lookAtServer(identity, deps.signal);
  const plan = planRotation(
    {
      identity,
      former: known?.former ?? [],
      mayRotate: marks[identityMarks.mode] === "rotate" && seen.serverMatches !== false,
      isUsed: (fingerprint) =>
        related.others.some((other) => other.meta.uid !== secret.metadata.uid && mayHold(other, fingerprint)),
    },
    deps.now(),
  );
  const former = [...plan.keep, ...plan.retire];
  let turn: Turn = { ...untouched(secret), client: identity.client, seen, former, soon: plan.retireAt };
  if (plan.due && marks[identityMarks.mode] !== "rotate") {
    turn = { ...turn, kept: `set the annotation ${identityMarks.mode} to rotate, or replace it by hand` };
  }
  if (seen.serverMatches === false || !(plan.abandon || plan.replace || plan.retire.length > 0)) return turn;
  try {
    const admin = await trustAdmin({ identity, marks, namespace: secret.metadata.namespace }, deps);
    const job = { secret, identity, admin };
    if (plan.retire.length > 0) {
      await retire(job, plan, deps);
      turn = { ...turn, former: plan.keep };
    }
    // Should it still be due, a successor is the next step's.
    if (plan.abandon) return { ...turn, secret: await abandon(job, deps), soon: deps.now() };
    if (!plan.replace) return turn;
    const prepared = await prepare(job, deps);
    turn = { ...turn, secret: prepared.secret };
    const replaced = await replaceClient(prepared, turn.former, deps);
    return { ...turn, ...replaced, isReplaced: true, soon: new Date(deps.now().getTime() + GRACE_MS) };
  } catch (error) {
    return { ...turn, ...troubleOf(error, deps) };
  }
}

/** What is left to a person, or to the next look. Any other fault is thrown. */
function troubleOf(error: unknown, deps: Deps): Partial<Pick<Turn, "kept" | "soon">> {
  if (error instanceof IncusError && error.reason !== "refused") {
    const kept = "the server does not answer as LXD or Incus does; it is asked again";
    return { kept, soon: new Date(deps.now().getTime() + SOON_MS) };
  }
  const kept = whyRefused(error);
  if (kept === undefined) throw error;
  return { kept };
}

function mayHold({ metadata: { annotations = {} } }: Seen<SecretPresence>, fingerprint: string): boolean {
  const held = readIdentityRecord(annotations[identityMarks.seen])?.client?.fingerprint;
  return held === undefined || held === fingerprint;
}

/** Writes what was seen, unless it stands there already. */
async function keep(secret: KubeObject, record: IdentityRecord, deps: Deps): Promise<KubeObject> {
  const facts = (seen: IdentityRecord | undefined) => ({ ...seen, checked: "" });
  const stands = readIdentityRecord(seenOf(secret).metadata.annotations?.[identityMarks.seen]);
  if (stands !== undefined && isDeepStrictEqual(facts(stands), facts(record))) return secret;
  const { namespace, name, resourceVersion } = secret.metadata;
  const annotations = { [identityMarks.seen]: JSON.stringify(record) };
  const patch = { metadata: { resourceVersion, annotations } };
  return deps.management.mergePatch(secrets, { namespace, name }, patch);
}

interface News {
  readonly known: IdentityRecord | undefined;
  readonly record: IdentityRecord;
  readonly isReplaced: boolean;
}

/** Kubernetes Events: of a replacement, of a removal, and of what a person has to mend when it is news. */
function tellPeople(secret: KubeObject, { known, record, isReplaced }: News, deps: Deps): void {
  const identity = { type: secrets, meta: seenOf(secret).meta };
  const { name } = secret.metadata;
  if (isReplaced) {
    deps.count("capfn_certificates_reissued_total");
    const message = `the client certificate in Secret ${name} is replaced; it is valid to ${record.client?.notAfter ?? ""}`;
    deps.announce(identity, { type: "Normal", reason: "CertificateReissued", message });
  }
  if (!isReplaced && (record.former?.length ?? 0) < (known?.former?.length ?? 0)) {
    const message = `the server does not trust the former client certificate of Secret ${name} any more`;
    deps.announce(identity, { type: "Normal", reason: "IncusTrustRemoved", message });
  }
  const { told } = record;
  if (told !== undefined && !isDeepStrictEqual(told, known?.told)) {
    deps.announce(identity, { type: "Warning", ...told });
  }
}

/** Waits for new content of the Secret, for a time that was asked for, or for that at which a certificate is due. */
function next(
  secret: KubeObject,
  { checked, client, server }: IdentityRecord,
  { soon, now }: { readonly soon: Date | undefined; readonly now: Date },
): Outcome {
  const certificates = [client, server].filter((facts) => facts !== undefined);
  const due = nextLook(certificates, checked)?.getTime() ?? now.getTime() + DAY_MS;
  const at = Math.min(due, soon?.getTime() ?? Infinity);
  const reason = "the certificates are looked at when the Secret changes, and when one is due";
  const timeoutMs = Math.max(at - now.getTime(), SHORTEST_WAIT_MS);
  return waitFor([change(secrets, seenOf(secret))], { timeoutMs, reason });
}

function seenOf(secret: KubeObject): Seen<SecretPresence> {
  return seenAs(secretView, secret, MANAGEMENT);
}
