import {
  endpointOf,
  identityKeys,
  pairOf,
  type ClientPair,
  type Identity,
} from "#functions/incus/identity-rotate/identity.ts";
import type { RotationPlan } from "#functions/incus/identity-rotate/plan.ts";
import { dismiss, introduce, LeftAlone } from "#functions/incus/identity-rotate/trust-store.ts";
import type { Deps } from "#functions/contract/deps.ts";
import { identityMarks } from "#platform/cluster-api/secret.ts";
import type { IncusClient } from "#platform/incus/client.ts";
import type { IdentityRecord } from "#platform/incus/identity-record.ts";
import type { KubeObject } from "#platform/kube/resource.ts";
import { secrets } from "#platform/kube/resources.ts";
import { CLOCK_SKEW_MS } from "#platform/x509/certificate.ts";

const DAY_MS = 24 * 60 * 60_000;
const [SHORTEST_LIFE_MS, LONGEST_LIFE_MS] = [30 * DAY_MS, 3_650 * DAY_MS];

type Former = readonly NonNullable<IdentityRecord["former"]>[number][];

/** What a rotation works on. `secret` is the version that was read last. */
export interface Work {
  readonly secret: KubeObject;
  readonly identity: Identity;
  readonly admin: IncusClient;
}

/** The Secret after a successor that is not wanted any more has been forgotten, first by the server. */
export async function abandon({ secret, identity, admin }: Work, deps: Deps): Promise<KubeObject> {
  const { next, client } = identity;
  if (next !== undefined && next !== "unusable") {
    await dismiss(next.facts.fingerprint, { own: client.facts.fingerprint, admin }, deps);
  }
  return write(secret, { data: { [identityKeys.nextCert]: null, [identityKeys.nextKey]: null } }, deps);
}

/** The same work with a successor stored. It is stored before the server hears of it, so that no key is lost to a crash. */
export async function prepare(work: Work, deps: Deps): Promise<Work> {
  const { identity, secret } = work;
  if (identity.next !== undefined && identity.next !== "unusable") return work;
  const { client } = identity;
  // Signing is rare, and what signs is large: it is loaded when it is needed.
  const { selfSignedSuccessor } = await import("#platform/x509/self-signed.ts");
  const [from, to] = [client.leaf.validFromDate.getTime(), client.leaf.validToDate.getTime()];
  const life = Math.min(Math.max(to - from, SHORTEST_LIFE_MS), LONGEST_LIFE_MS);
  const now = deps.now().getTime();
  const issued = await selfSignedSuccessor(client.certPem, {
    notBefore: new Date(now - CLOCK_SKEW_MS),
    notAfter: new Date(now + life),
  });
  const data = {
    [identityKeys.nextCert]: base64(issued.certPem),
    [identityKeys.nextKey]: base64(issued.keyPem),
  };
  const written = await write(secret, { data }, deps);
  return { ...work, secret: written, identity: { ...identity, next: pairOf(issued.certPem, issued.keyPem) } };
}

/**
 * Replaces the client certificate by its successor without a moment in which the Secret holds one the server does not trust: the server has proven to
 * take the new one before it is the client's, and goes on trusting the old one.
 *
 * @throws LeftAlone when a person has to do something first.
 */
export async function replaceClient(
  { secret, identity, admin }: Work,
  former: Former,
  deps: Deps,
): Promise<{ readonly secret: KubeObject; readonly client: ClientPair; readonly former: Former }> {
  const { client, next } = identity;
  if (next === undefined || next === "unusable") throw new LeftAlone("its successor cannot be read");
  const { certPem, facts } = next;
  const { fingerprint } = facts;
  await introduce({ client: client.facts.fingerprint, next: { fingerprint, certPem } }, admin, deps);
  await prove(identity, next, deps);
  const replaced = deps.now().toISOString();
  const all = [...former, { fingerprint: client.facts.fingerprint, replaced }];
  const data = {
    [identityKeys.clientCert]: base64(next.certPem),
    [identityKeys.clientKey]: base64(next.keyPem),
    [identityKeys.nextCert]: null,
    [identityKeys.nextKey]: null,
  };
  // In one write with the swap: afterwards nothing else would tell which certificate is to be distrusted.
  const record: IdentityRecord = { checked: replaced, client: facts, former: all };
  const metadata = { annotations: { [identityMarks.seen]: JSON.stringify(record) } };
  return { secret: await write(secret, { metadata, data }, deps), client: next, former: all };
}

/** Has the server forget certificates nobody uses any more; the one in the Secret has to be good meanwhile. */
export async function retire(
  { identity, admin }: Work,
  { retire: ended }: Pick<RotationPlan, "retire">,
  deps: Deps,
): Promise<void> {
  await prove(identity, identity.client, deps);
  for (const { fingerprint } of ended) {
    await dismiss(fingerprint, { own: identity.client.facts.fingerprint, admin }, deps);
  }
}

async function prove(identity: Identity, pair: ClientPair, deps: Deps): Promise<void> {
  const client = deps.incus(endpointOf(identity, pair, deps.signal));
  if ((await client.isTrusted()) && (await client.mayUse(identity.project))) return;
  throw new LeftAlone(
    `the server does not take the certificate ${pair.facts.fingerprint.slice(0, 12)} for project ${identity.project}; see its trust store`,
  );
}

/** Over the version that was read, or not at all. */
function write(
  secret: KubeObject,
  patch: { metadata?: object; data: object },
  deps: Deps,
): Promise<KubeObject> {
  const { namespace, name, resourceVersion } = secret.metadata;
  const body = { ...patch, metadata: { ...patch.metadata, resourceVersion } };
  return deps.management.mergePatch(secrets, { namespace, name }, body);
}

function base64(text: string): string {
  return Buffer.from(text, "utf8").toString("base64");
}
