import type { Deps, StepClient } from "#functions/contract/deps.ts";
import { ensureAccount, ensureBinding } from "#functions/harvester/cloud-config/accounts.ts";
import { cloudKubeconfig } from "#functions/harvester/cloud-config/kubeconfig.ts";
import { serverOf, type Wanted } from "#functions/harvester/cloud-config/plan.ts";
import { AUTHORITY, INGRESS, type CloudConfigView } from "#functions/harvester/cloud-config/world.ts";
import { SECRET_NAMESPACE, textsOf, textWithout } from "#functions/harvester/cloud-credentials.ts";
import { cloudAccountName } from "#functions/harvester/cluster-names.ts";
import { seenAs } from "#functions/harvester/fresh-look.ts";
import {
  CLOUD_RECORD_PREFIX,
  readCloudRecord,
  type CloudConfigRecord,
} from "#platform/cluster-api/cloud-config-record.ts";
import { textDigest } from "#platform/cluster-api/config-map.ts";
import { clusterIdentity } from "#platform/cluster-api/harvester-cluster.ts";
import { serviceView } from "#platform/harvester/load-balancer.ts";
import { isKubeError } from "#platform/kube/errors.ts";
import { secretValues, withSecretValue } from "#platform/kube/manifest-secret.ts";
import type { KubeObject } from "#platform/kube/resource.ts";
import { configMaps, services } from "#platform/kube/resources.ts";

/** A year: running cloud providers read a new token when they are started anew, so a third of a life must be long enough for that. */
const LIFE_SECONDS = 365 * 24 * 60 * 60;

/** What keeps credentials from being made, for a person or for another controller to mend. */
export class NotYet extends Error {
  override readonly name = "NotYet";
}

/**
 * Makes ServiceAccount and binding as far as they are missing, and puts a kubeconfig with a fresh token into the manifests: one compare-and-set of the
 * ConfigMap, together with the record of what was put in. Credentials that are in place, and right, stay: then only the record follows the text.
 * Resolves to whether a token was issued.
 *
 * @throws NotYet, NameTaken, ManifestError
 * @throws KubeError also `conflict`: somebody else wrote the ConfigMap. The token that was asked for is known to nobody then.
 */
export async function inject(
  view: CloudConfigView,
  deps: Deps,
  { wanted, renew }: { readonly wanted: Wanted; readonly renew: boolean },
): Promise<boolean> {
  const { object } = view;
  const { namespace, name, key } = wanted;
  const configMap = await deps.management.get(configMaps, { namespace, name });
  const texts = configMap === undefined ? {} : textsOf(configMap);
  const found = Object.keys(texts).length === 0 ? "" : texts[key];
  if (configMap === undefined || found === undefined)
    throw new NotYet(`ConfigMap ${namespace}/${name} has no key ${key} any more`);
  const before = readCloudRecord(configMap.metadata.annotations ?? {}, clusterIdentity(object));
  const left = leftBehind(texts, wanted, before);
  const text = left[key] ?? found;
  const place = { namespace: SECRET_NAMESPACE, name: wanted.secret, key: wanted.secretKey };
  const values = secretValues(text, place);
  const harvester = await deps.harvester(object.spec.identitySecret);
  const account = await ensureAccount(harvester, view);
  await ensureBinding(harvester, view);
  const caPem = await authority(harvester, view);
  const server = await serverNow(harvester, view);
  const now = {
    key,
    secret: wanted.secret,
    secretKey: wanted.secretKey,
    account,
    server,
    authority: textDigest(caPem),
  };
  const isKept =
    !renew &&
    before !== undefined &&
    Object.entries(now).every(([field, value]) =>
      Object.entries(before).some(([f, v]) => f === field && v === value),
    ) &&
    values.length > 0 &&
    values.every((value) => value !== undefined && textDigest(value) === before.kubeconfig);
  if (isKept) {
    if (before.text !== textDigest(text))
      await write(deps, view, { configMap, record: { ...before, text: textDigest(text) } });
    return false;
  }
  const issued = deps.now().toISOString();
  const { token, expires } = await harvester.requestToken(
    { namespace: object.spec.targetNamespace, name: cloudAccountName(object) },
    { expirationSeconds: LIFE_SECONDS },
  );
  const kubeconfig = cloudKubeconfig({ server, caPem, namespace: object.spec.targetNamespace, token });
  const changed = withSecretValue(text, place, kubeconfig);
  const record = { ...now, kubeconfig: textDigest(kubeconfig), text: textDigest(changed), issued, expires };
  await write(deps, view, { configMap, record, data: { ...left, [key]: changed } });
  return true;
}

/** The text, by its key, out of which credentials are taken because the spec names another place in the same ConfigMap now. */
function leftBehind(
  texts: Readonly<Record<string, string>>,
  { key, secret, secretKey }: Wanted,
  before: CloudConfigRecord | undefined,
): Readonly<Record<string, string>> {
  const isHere =
    before === undefined ||
    (before.key === key && before.secret === secret && before.secretKey === secretKey);
  const text = isHere ? undefined : textWithout(texts[before.key], before);
  return before === undefined || text === undefined ? {} : { [before.key]: text };
}

interface Written {
  readonly configMap: KubeObject;
  readonly record: CloudConfigRecord;
  readonly data?: Readonly<Record<string, string>>;
}

async function write(
  { management }: Deps,
  { object }: CloudConfigView,
  { configMap, record, data }: Written,
): Promise<void> {
  const { namespace, name, resourceVersion } = configMap.metadata;
  const annotations = { [`${CLOUD_RECORD_PREFIX}${clusterIdentity(object)}`]: JSON.stringify(record) };
  await management.mergePatch(
    configMaps,
    { namespace, name },
    { metadata: { resourceVersion, annotations }, ...(data !== undefined && { data }) },
  );
}

/** The authority that Harvester's API server is known by, as every namespace there has it. */
async function authority(harvester: StepClient, { object }: CloudConfigView): Promise<string> {
  const at = { namespace: object.spec.targetNamespace, name: AUTHORITY.name };
  const found = await harvester.get(configMaps, at);
  const caPem = found === undefined ? undefined : textsOf(found)[AUTHORITY.key];
  if (caPem === undefined || caPem === "")
    throw new NotYet(
      `ConfigMap ${at.namespace}/${at.name} does not exist on Harvester, or has no ${AUTHORITY.key}; kube-controller-manager makes it`,
    );
  return caPem;
}

/** The Service may not be looked at by every identity: then the address the identity itself uses serves. */
async function serverNow(harvester: StepClient, view: CloudConfigView): Promise<string> {
  const server = serverOf(
    view.unknown.includes("ingress")
      ? { object: view.object, related: { ...view.related, ingress: await readIngress(harvester) } }
      : view,
  );
  if (server === undefined) throw new NotYet("the address of Harvester's API server is not known yet");
  return server;
}

async function readIngress(harvester: StepClient) {
  try {
    const found = await harvester.get(services, INGRESS);
    return found === undefined ? undefined : seenAs(serviceView, found, harvester.connection);
  } catch (error) {
    if (isKubeError(error, "forbidden")) return undefined;
    throw error;
  }
}
