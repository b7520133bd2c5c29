import type { Deps } from "#functions/contract/deps.ts";
import { endpointOf, readIdentity, type Identity } from "#functions/incus/identity-rotate/identity.ts";
import { identityMarks, type CertificateMarks } from "#platform/cluster-api/secret.ts";
import type { IncusClient, TrustEntry } from "#platform/incus/client.ts";
import { IncusError } from "#platform/incus/errors.ts";
import { secrets } from "#platform/kube/resources.ts";

/** Why something was left as it is, for people. */
export class LeftAlone extends Error {
  override readonly name = "LeftAlone";
}

/**
 * Who changes the trust store: the identity of the Secret that is named for it, else the own one. It is asked at the server of the own identity,
 * which its own pin has to name too.
 *
 * @throws LeftAlone when the Secret named has no identity for that server.
 */
export async function trustAdmin(
  {
    identity,
    marks,
    namespace,
  }: { identity: Identity; marks: CertificateMarks; namespace: string | undefined },
  deps: Deps,
): Promise<IncusClient> {
  const name = marks[identityMarks.admin];
  if (name === undefined) return deps.incus(endpointOf(identity, identity.client, deps.signal));
  const secret = await deps.management.get(secrets, { namespace, name });
  const admin = secret === undefined ? `Secret ${name} does not exist` : readIdentity(secret);
  if (typeof admin === "string") throw new LeftAlone(`${admin}; annotation ${identityMarks.admin} names it`);
  if (admin.url !== identity.url || admin.serverCertPem !== identity.serverCertPem) {
    throw new LeftAlone(`Secret ${name} is for another server, or pins another certificate of it`);
  }
  return deps.incus(endpointOf(admin, admin.client, deps.signal));
}

/**
 * Has the server trust the successor as it trusts the client, unless it does already.
 *
 * @throws LeftAlone when the server does not know the client.
 */
export async function introduce(
  { client, next }: { readonly client: string; readonly next: { fingerprint: string; certPem: string } },
  admin: IncusClient,
  deps: Deps,
): Promise<void> {
  const entry = await admin.trusted(client);
  if (entry === undefined) {
    throw new LeftAlone(
      "the server's trust store does not have it; add it, or store a certificate that it has",
    );
  }
  const { name, type, restricted, projects } = entry;
  const known = await admin.trusted(next.fingerprint);
  if (known !== undefined && hasRightsOf(known, entry)) return;
  deps.ensureMayWrite();
  if (known !== undefined) await admin.distrust(next.fingerprint);
  await admin.trust({ name, type, restricted, projects, certPem: next.certPem });
}

/**
 * Has the server no longer trust a certificate, by its whole fingerprint; nothing happens when it does not. Only one that has the name and the rights
 * of the identity's own: a note on a Secret must not be enough to shut somebody else out.
 *
 * @throws LeftAlone when it is not one of these.
 */
export async function dismiss(
  fingerprint: string,
  { own, admin }: { readonly own: string; readonly admin: IncusClient },
  deps: Deps,
): Promise<void> {
  const [entry, like] = [await admin.trusted(fingerprint), await admin.trusted(own)];
  if (entry === undefined || fingerprint === own) return;
  if (like === undefined || entry.name !== like.name || !hasRightsOf(entry, like)) {
    throw new LeftAlone(
      `the trust store has a former certificate of it under another name or with other rights (${fingerprint.slice(0, 12)}); remove it by hand`,
    );
  }
  deps.ensureMayWrite();
  await admin.distrust(fingerprint);
}

function hasRightsOf(one: TrustEntry, other: TrustEntry): boolean {
  return (
    one.type === other.type &&
    one.restricted === other.restricted &&
    one.projects.toSorted().join() === other.projects.toSorted().join()
  );
}

/** What a person has to mend about a refusal; undefined when it is no such thing. */
export function whyRefused(error: unknown): string | undefined {
  if (error instanceof LeftAlone) return error.message;
  if (!(error instanceof IncusError) || error.reason !== "refused") return undefined;
  return error.status === 403
    ? `the server does not let it change the trust store; name a Secret with an identity that may in the annotation ${identityMarks.admin}`
    : `the server answers with HTTP ${error.status ?? 0}; see its log`;
}
