import { beforeAll, expect, test } from "vitest";
import { memoryLedger } from "#events/sources/memory-ledger.ts";
import type { Interceptor } from "#platform/kube/api-request.ts";
import { KubeError } from "#platform/kube/errors.ts";
import {
  clusterRoleBindings,
  clusters,
  configMaps,
  harvesterClusters,
  namespaces,
  secrets,
  serviceAccounts,
  services,
} from "#platform/kube/resources.ts";
import { systemClock } from "#platform/process/clock.ts";
import { startFaultProxy } from "#platform/simulator/fault-proxy.ts";
import {
  addon,
  asking,
  credentialsOf,
  documentedIdentity,
  installRole,
  KEY,
  manifests,
  startCloudOperator,
  triesToken,
  type Where,
} from "#test/api/cloud-config-world.ts";
import { eyes, noEndpoint } from "#test/api/cluster-eyes.ts";
import { expectSound, faultStage } from "#test/api/faults/stage.ts";
import * as trial from "#test/chaos/manifests.ts";
import type { Play } from "#test/chaos/trial.ts";
import { kubeconfigOf, sharedHarvester } from "#test/support/control-planes.ts";

const stage = faultStage();
const LONG = { timeout: 120_000 };
const CONDITION = "CloudProviderConfigReady";
const GOOD = "True/CloudProviderConfigGeneratedSuccessfully";
/** Generous: the machine may be busy with other things. */
const SOON = { timeout: 30_000, interval: 50 };

beforeAll(() => installRole(stage.theatre().clients.H));

async function remove({ names, actor }: Play): Promise<void> {
  const { M } = actor.theatre.clients;
  const at = { namespace: names.namespace, name: names.cluster };
  const own = await M.get(harvesterClusters, at);
  await M.delete(harvesterClusters, at, { uid: own?.metadata.uid ?? "" });
}

async function gone(look: ReturnType<typeof credentialsOf>): Promise<void> {
  await expect.poll(() => look.own(), SOON).toBeUndefined();
  expect(await look.accounts()).toEqual([]);
  expect(await look.bindings()).toEqual([]);
}

test(
  "credentials wait for their ConfigMap, need no right that is not in the pages, work on Harvester, come back whatever the user does to them, and go with the cluster [check 40] [check 42] [check 44] [check 96]",
  LONG,
  async () => {
    await using play = stage.open();
    const { actor, lives, names } = play;
    const { M, H } = actor.theatre.clients;
    const view = eyes(play);
    const look = credentialsOf(actor.theatre, names);
    await actor.prepare([], { cluster: { ...noEndpoint, ...asking(names) }, identity: false });
    const identity = await documentedIdentity(H, names);
    await M.create(secrets, trial.kubeconfigSecret(names, "identity", "kubeconfig", identity));
    await lives.start();
    // The load balancer does not wait for the ConfigMap: nothing about it rests on the credentials.
    await view.until(CONDITION, "False/CloudProviderConfigNotReady");
    expect(view.condition(CONDITION)?.message).toContain(`ConfigMap ${names.namespace}/addon does not exist`);
    await view.ready();
    expect(await look.accounts()).toEqual([]);
    await M.create(configMaps, { ...addon(names.namespace), data: { other: "" } });
    await expect
      .poll(async () => (await look.condition(CONDITION))?.message, SOON)
      .toContain(`no key ${KEY}`);
    const at = { namespace: names.namespace, name: "addon" };
    await M.mergePatch(configMaps, at, { data: { [KEY]: manifests } });
    await view.until(CONDITION, GOOD);
    const kubeconfig = await look.kubeconfig();
    expect(kubeconfig).toMatchObject({
      clusters: [{ cluster: { server: "https://10.50.255.10:6443" } }],
      contexts: [{ context: { namespace: names.target } }],
    });
    const token = (await look.token()) ?? "";
    expect(await triesToken(token, names.target, services)).toBe("allowed");
    expect(await triesToken(token, names.target, secrets)).toBe("forbidden");
    const [before = "", after = ""] = manifests.split(/(?<=type: Opaque\n)/);
    const text = await look.text();
    expect(text.startsWith(before.slice(0, before.indexOf("---")))).toBe(true);
    expect(text.endsWith(after)).toBe(true);

    // The user resets the ConfigMap, and makes it anew without anything of ours.
    await play.rest();
    await M.mergePatch(configMaps, at, { data: { [KEY]: manifests } });
    await expect.poll(async () => ((await look.token()) ?? token) === token, SOON).toBe(false);
    const uid = (await M.get(configMaps, at))?.metadata.uid ?? "";
    await M.delete(configMaps, at, { uid });
    await view.until(CONDITION, "False/CloudProviderConfigNotReady");
    await M.create(configMaps, addon(names.namespace));
    await view.until(CONDITION, GOOD);
    expect(await look.token()).toBeDefined();

    // Somebody deletes the ServiceAccount: its tokens are void, so there is a new one, and a new token.
    const [account] = await look.accounts();
    const [binding] = await look.bindings();
    const last = (await look.token()) ?? "";
    await H.delete(serviceAccounts, account!.metadata, { uid: account!.metadata.uid });
    await expect.poll(async () => ((await look.token()) ?? last) === last, SOON).toBe(false);
    expect(await triesToken((await look.token()) ?? "", names.target, services)).toBe("allowed");
    // An API server may know a token that was good for some seconds.
    await expect.poll(() => triesToken(last, names.target, services), SOON).toBe("unauthorized");
    // Somebody binds another one.
    await H.mergePatch(clusterRoleBindings, binding!.metadata, { subjects: [] });
    await expect
      .poll(async () => (await look.bindings())[0]?.["subjects"], SOON)
      .toMatchObject([{ namespace: names.target, name: account!.metadata.name }]);
    await H.delete(clusterRoleBindings, binding!.metadata, { uid: binding!.metadata.uid });
    await expect.poll(async () => (await look.bindings()).length, SOON).toBe(1);
    await play.rest();

    const shown = JSON.stringify([await look.own(), play.director.trace]);
    const final = (await look.token()) ?? "";
    for (const secret of [token, final, Buffer.from(final).toString("base64")])
      expect(shown).not.toContain(secret);
    await remove(play);
    await gone(look);
    expect(await look.token()).toBeUndefined();
    expect(await triesToken(final, names.target, services)).not.toBe("allowed");
    expectSound(play);
  },
);

test(
  "a manifest without the Secret gets one; no longer asked for, all of it goes, and nothing is made again [check 41] [check 43]",
  LONG,
  async () => {
    await using play = stage.open();
    const { actor, lives, names } = play;
    const { M } = actor.theatre.clients;
    const view = eyes(play);
    const look = credentialsOf(actor.theatre, names);
    await actor.prepare([], { cluster: asking(names) });
    const [deployment = ""] = manifests.split(/^---/m);
    await M.create(configMaps, addon(names.namespace, deployment));
    await lives.start();
    await view.until(CONDITION, GOOD);
    expect((await look.text()).startsWith(deployment)).toBe(true);
    expect(await look.token()).toBeDefined();
    const at = { namespace: names.namespace, name: names.cluster };
    await M.mergePatch(harvesterClusters, at, { spec: { updateCloudProviderConfig: null } });
    await view.until(CONDITION, "True/CloudProviderConfigNotApplicable");
    expect([await look.accounts(), await look.bindings(), await look.token()]).toEqual([[], [], undefined]);
    await play.rest();
    expect(await look.accounts()).toEqual([]);
    expectSound(play);
  },
);

test(
  "while Harvester is away nothing is lost, neither of what is made nor of what is deleted; without the identity Secret the deletion waits for it [check 93]",
  LONG,
  async () => {
    await using proxy = await startFaultProxy({ upstream: sharedHarvester(), clock: systemClock() });
    await using play = stage.open();
    const { actor, lives, names } = play;
    const { M } = actor.theatre.clients;
    const view = eyes(play);
    const look = credentialsOf(actor.theatre, names);
    const identity = kubeconfigOf(sharedHarvester(), "capfn").replaceAll(
      sharedHarvester().server,
      proxy.server,
    );
    const withCa = identity.replace(
      /certificate-authority-data: .*/,
      `certificate-authority-data: ${Buffer.from(proxy.caPem).toString("base64")}`,
    );
    await actor.prepare([], { cluster: asking(names), identity: withCa });
    await M.create(configMaps, addon(names.namespace));
    let restore = proxy.addRule({ match: { resource: "serviceaccounts" }, fault: { kind: "dropped" } });
    await lives.start();
    await expect.poll(async () => (await look.condition("TargetNamespaceReady"))?.status, SOON).toBe("True");
    await expect
      .poll(async () => (await look.own())?.metadata.annotations?.["capfn.dev/cloud-config"], SOON)
      .toBeDefined();
    expect(await look.token()).toBeUndefined();
    restore();
    await view.until(CONDITION, GOOD);
    expect((await look.accounts()).length).toBe(1);

    restore = proxy.addRule({ match: {}, fault: { kind: "dropped" } });
    proxy.cutWatches();
    await remove(play);
    await view.until("Deleting", "True/HarvesterUnreachable");
    const at = { namespace: names.namespace, name: "identity" };
    const secret = await M.get(secrets, at);
    await M.delete(secrets, at, { uid: secret?.metadata.uid ?? "" });
    restore();
    await expect
      .poll(async () => (await look.condition("Deleting"))?.message, SOON)
      .toMatch(/Secret .*identity does not exist/);
    expect((await look.accounts()).length).toBe(1);
    await M.create(secrets, trial.kubeconfigSecret(names, "identity", "kubeconfig", withCa));
    await gone(look);
    expectSound(play);
  },
);

/** A cluster of a play, and of other namespaces, without anybody who looks after it yet. */
async function newCluster(play: Play, more: readonly Where[] = []): Promise<void> {
  const { actor, names } = play;
  const { M } = actor.theatre.clients;
  await actor.prepare([], { cluster: asking(names) });
  await M.create(configMaps, addon(names.namespace));
  for (const where of more) {
    const here = { ...names, ...where };
    await M.create(namespaces, trial.namespace(where.namespace));
    const owner = await M.create(clusters, trial.cluster(here));
    await M.create(secrets, trial.kubeconfigSecret(here, "identity", "kubeconfig", actor.theatre.stage.H));
    await M.create(configMaps, addon(where.namespace));
    await M.create(harvesterClusters, trial.harvesterCluster(here, owner.metadata.uid, asking(where)));
  }
}

const ready = (look: ReturnType<typeof credentialsOf>): Promise<void> =>
  expect
    .poll(async () => {
      const found = await look.condition(CONDITION);
      return `${found?.status}/${found?.reason}`;
    }, SOON)
    .toBe(GOOD);

test(
  "two clusters of one name in two namespaces that share a target namespace have credentials of their own, also when one goes [check 44]",
  LONG,
  async () => {
    await using play = stage.open();
    const { actor, names } = play;
    const other = { namespace: `${names.namespace}-b`, cluster: names.cluster, target: names.target };
    await newCluster(play, [other]);
    await using _operator = await startCloudOperator({ namespaces: [names.namespace, other.namespace] });
    const [one, two] = [names, other].map((where) => credentialsOf(actor.theatre, where));
    await Promise.all([ready(one!), ready(two!)]);
    const tokens = await Promise.all([one!.token(), two!.token()]);
    expect(new Set(tokens).size).toBe(2);
    const accounts = [...(await one!.accounts()), ...(await two!.accounts())];
    expect(new Set(accounts.map(({ metadata }) => metadata.name)).size).toBe(2);
    for (const token of tokens) expect(await triesToken(token ?? "", names.target, services)).toBe("allowed");
    await remove(play);
    await gone(one!);
    expect(await triesToken(tokens[0] ?? "", names.target, services)).not.toBe("allowed");
    expect(await triesToken(tokens[1] ?? "", names.target, services)).toBe("allowed");
  },
);

test(
  "a token is replaced when two thirds of its life are over, and not before; the old one serves on",
  LONG,
  async () => {
    await using play = stage.open();
    const { actor, names } = play;
    await newCluster(play);
    const look = credentialsOf(actor.theatre, names);
    const ledger = memoryLedger();
    const base = systemClock();
    const DAY_MS = 24 * 60 * 60_000;
    const at = (days: number) => ({ ...base, now: () => base.now() + days * DAY_MS });
    const lifeAt = async (days: number, isEnough: () => Promise<boolean>): Promise<void> => {
      await using life = await startCloudOperator({ namespaces: [names.namespace], clock: at(days), ledger });
      await expect.poll(isEnough, SOON).toBe(true);
      await expect.poll(() => life.operator.hub.idle && life.operator.ready(), SOON).toBe(true);
    };
    await lifeAt(0, async () => (await look.condition(CONDITION))?.status === "True");
    const first = await look.token();
    await lifeAt(240, () => Promise.resolve(true));
    expect(await look.token()).toBe(first);
    await lifeAt(250, async () => (await look.token()) !== first);
    const second = await look.token();
    for (const token of [first, second])
      expect(await triesToken(token ?? "", names.target, services)).toBe("allowed");
    expect((await look.accounts()).length).toBe(1);
  },
);

const written = new Set(["serviceaccounts", "clusterrolebindings", "configmaps", "harvesterclusters"]);
const reads = new Set(["get", "list", "watch"]);

interface Disturbance {
  /** Which of the writes, from 1; what is read and reported does not count. */
  readonly nth: number;
  readonly kind: "unreachable" | "killed";
}

/** Makes a cluster's credentials, takes the cluster away, and one write on the way goes wrong. Returns the connections they went to, in order. */
async function liveWith(disturbance?: Disturbance): Promise<readonly string[]> {
  await using play = stage.open();
  const { actor, names } = play;
  await newCluster(play);
  const look = credentialsOf(actor.theatre, names);
  const ledger = memoryLedger();
  const calls: string[] = [];
  const died = Promise.withResolvers<void>();
  let isDead = false;
  const never = (): Promise<never> => new Promise(() => {});
  const intercept: Interceptor = async (request, send) => {
    if (isDead) return never();
    const { verb, type, connection, subresource } = request;
    if (!written.has(type.plural) || reads.has(verb) || subresource === "status") return send();
    calls.push(connection);
    if (calls.length !== disturbance?.nth) return send();
    if (disturbance.kind === "unreachable")
      throw new KubeError({ reason: "unavailable", dependency: connection, message: "no way there" });
    await send();
    isDead = true;
    died.resolve();
    return never();
  };
  await using lives = new AsyncDisposableStack();
  const where = { namespaces: [names.namespace], ledger };
  const first = await startCloudOperator({ ...where, intercept });
  lives.defer(() => first[Symbol.asyncDispose]());
  void died.promise.then(async () => lives.use(await startCloudOperator(where)));
  await ready(look);
  expect([(await look.accounts()).length, (await look.bindings()).length]).toEqual([1, 1]);
  expect(await triesToken((await look.token()) ?? "", names.target, services)).toBe("allowed");
  await remove(play);
  await gone(look);
  expect(await look.token()).toBeUndefined();
  return calls;
}

test(
  "killed after any write, or when it does not arrive, there is one ServiceAccount and one binding, and in the end none",
  { timeout: 300_000 },
  async ({ annotate }) => {
    const calls = await liveWith();
    const disturbances = calls.flatMap((connection, index): Disturbance[] => [
      { nth: index + 1, kind: "killed" },
      ...(connection.startsWith("harvester") ? [{ nth: index + 1, kind: "unreachable" as const }] : []),
    ]);
    const AT_ONCE = 8;
    for (let at = 0; at < disturbances.length; at += AT_ONCE) {
      const some = disturbances.slice(at, at + AT_ONCE);
      const results = await Promise.allSettled(some.map(liveWith));
      const failed = results.flatMap((result, index) =>
        result.status === "rejected" ? [`${JSON.stringify(some[index])}: ${String(result.reason)}`] : [],
      );
      expect(failed).toEqual([]);
    }
    await annotate(`${disturbances.length} lives, each disturbed at another of ${calls.length} writes`);
  },
);
