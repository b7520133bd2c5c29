import { randomBytes } from "node:crypto";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { watchFilterLabel } from "#api/names.ts";
import { allFunctions } from "#cli/functions.ts";
import { kubeObjectManifests } from "#cli/lab/manifests.ts";
import { readAuditLog } from "#platform/control-plane/audit-log.ts";
import { clusterApiCrds } from "#platform/control-plane/cluster-api-core.ts";
import type { ControlPlane } from "#platform/control-plane/control-plane.ts";
import { installManifests } from "#platform/control-plane/install-manifests.ts";
import { BASIC_CONTROLLERS } from "#platform/control-plane/kube-controller-manager.ts";
import { clusters, configMaps, harvesterClusters, harvesterMachines } from "#platform/kube/resources.ts";
import { stageApi } from "#test/chaos/own-stage.ts";
import { fromPools } from "#test/chaos/manifests.ts";
import { sharedStage } from "#test/chaos/shared-stage.ts";
import { openTheatre, type Theatre } from "#test/chaos/theatre.ts";
import { openPlay, type Play } from "#test/chaos/trial.ts";
import { expectSound, leftOnHarvester } from "#test/api/faults/stage.ts";
import { endCapfn, startCapfn, type RunningCommand } from "#test/support/command-line.ts";
import { privateControlPlane, testHost, testUsers } from "#test/support/control-planes.ts";
import { ownCrds } from "#test/support/global-setup.ts";

const ACCOUNT = "system:serviceaccount:capfn-system:capfn";
const MACHINES = 20;
const undo = new AsyncDisposableStack();
let plane: ControlPlane;
let theatre: Theatre;
let folder = "";

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "capfn-shards-"));
  undo.defer(() => rm(folder, { recursive: true, force: true }));
  const account = {
    name: ACCOUNT,
    groups: ["system:serviceaccounts", "system:authenticated"],
    token: randomBytes(16).toString("hex"),
  };
  plane = await privateControlPlane(
    { name: "shards", users: [...testUsers(), account], controllers: BASIC_CONTROLLERS },
    [...(await clusterApiCrds(testHost())), ...(await ownCrds())],
  );
  undo.defer(() => plane.stop());
  const M = stageApi(plane);
  theatre = undo.use(await openTheatre({ ...sharedStage(), M, W: M }));
}, 300_000);

afterAll(async () => {
  endCapfn();
  await undo.disposeAsync();
});

async function hub(user: string, ...flags: string[]): Promise<RunningCommand & { health: string }> {
  const kubeconfig = join(folder, user.replaceAll(":", "-"));
  await writeFile(kubeconfig, plane.kubeconfigFor(user), { mode: 0o600 });
  const run = startCapfn(
    "run",
    "--kubeconfig",
    kubeconfig,
    "--metrics-bind-address",
    "0",
    "--health-probe-bind-address",
    "127.0.0.1:0",
    ...flags,
  );
  const [, health = ""] = await run.line(/"addresses":\["([^"]+)"\]/);
  await vi.waitFor(async () => expect(await (await fetch(`${health}/readyz`)).text()).toBe("ok"), {
    timeout: 60_000,
    interval: 100,
  });
  return { ...run, health };
}

const filter = (value: string) => ({ metadata: { labels: { [watchFilterLabel]: value } } });

describe("two hubs that share one pool", () => {
  it(
    "each act for their own machines, hand over those whose label moves on, and give no address and no VM twice",
    { timeout: 300_000 },
    async () => {
      await using play = openPlay(theatre, { functions: allFunctions, seed: 1 });
      const { actor, names } = play;
      const { M } = theatre.clients;
      const at = (name: string) => ({ namespace: names.namespace, name: names.machine(name) });
      await actor.prepare([["pool", 10, 9 + 2 * MACHINES]], { cluster: fromPools(names, "pool") });
      for (const type of [clusters, harvesterClusters])
        await M.mergePatch(type, { namespace: names.namespace, name: names.cluster }, filter("blue"));
      const flags = ["-n", names.namespace, "--ledger-namespace", names.namespace];
      const [blue, green] = [
        await hub("capfn", ...flags, "--watch-filter", "blue", "--shard-name", "blue"),
        await hub("simulator", ...flags, "--watch-filter", "green", "--shard-name", "green"),
      ];
      const all = Array.from({ length: 2 * MACHINES }, (_, n) => ({
        name: `m${n}`,
        colour: n % 2 === 0 ? "blue" : "green",
      }));
      await Promise.all(
        all.map(({ name, colour }) =>
          actor.createMachine(name, {
            metadata: {
              labels: { "cluster.x-k8s.io/cluster-name": names.cluster, [watchFilterLabel]: colour },
            },
          }),
        ),
      );
      // While they are being made, every fourth moves to the other hub.
      for (const { name, colour } of all.filter((_, n) => n % 4 < 2))
        await M.mergePatch(harvesterMachines, at(name), filter(colour === "blue" ? "green" : "blue"));
      for (const { name } of all) {
        await actor.provisioned(name).catch(async (error: unknown) => {
          const why = await Promise.all(
            [blue, green].map(async ({ health }) =>
              (await fetch(`${health}/why/machine/${names.namespace}/${names.machine(name)}`)).text(),
            ),
          );
          throw new Error(`${String(error)}: ${why.join("\n")}`);
        });
      }
      await play.rest();
      expectSound(play);
      const made = [...play.ending().counts].filter(([what]) =>
        /^(virtualmachines|secrets|entry)/.test(what),
      );
      expect(made.filter(([what]) => what.startsWith("virtualmachines")).length).toBeGreaterThanOrEqual(
        2 * MACHINES,
      );
      expect(made.filter(([, count]) => !count.startsWith("1 "))).toEqual([]);
      for (const { name } of all) await actor.deleteMachine(name);
      for (const { name } of all) await actor.gone(name);
      await play.rest();
      expect(leftOnHarvester(play)).toEqual([]);
      for (const { process, ended } of [blue, green]) {
        process.kill("SIGTERM");
        expect(await ended).toMatchObject({ code: 0 });
      }
      for (const name of ["capfn-ledger-blue-0", "capfn-ledger-green-0"])
        expect(await M.get(configMaps, { namespace: names.namespace, name })).toBeDefined();
    },
  );

  it("leave a machine without their label alone, to the byte", { timeout: 120_000 }, async () => {
    await using play = openPlay(theatre, { functions: allFunctions, seed: 2 });
    const { actor, names } = play;
    const { M } = theatre.clients;
    await actor.prepare([["pool", 10, 20]], { cluster: fromPools(names, "pool") });
    const { metadata } = await actor.createMachine("m1");
    const run = await hub(
      "capfn",
      "-n",
      names.namespace,
      "--ledger-namespace",
      names.namespace,
      "--watch-filter",
      "blue",
    );
    await play.rest();
    const at = { namespace: names.namespace, name: names.machine("m1") };
    const now = await M.get(harvesterMachines, at);
    expect(now?.metadata.resourceVersion).toBe(metadata.resourceVersion);
    await M.mergePatch(harvesterMachines, at, filter("blue"));
    for (const type of [clusters, harvesterClusters])
      await M.mergePatch(type, { namespace: names.namespace, name: names.cluster }, filter("blue"));
    await actor.provisioned("m1");
    await actor.deleteMachine("m1");
    await actor.gone("m1");
    run.process.kill("SIGTERM");
    await run.ended;
  });
});

/** The ClusterRole of the page as a Role, and the Role of the ledger, in one namespace. */
async function rolesIn(namespace: string, ledger: boolean) {
  const page = await readFile(join(import.meta.dirname, "..", "..", "docs", "tasks", "running.md"), "utf8");
  const yaml = /```yaml\n# rights: management\n(?<yaml>.*?)```/s.exec(page)?.groups?.["yaml"] ?? "";
  const apiGroup = "rbac.authorization.k8s.io";
  const named = ledger ? ["capfn-hub", "capfn-ledger"] : ["capfn-hub"];
  return kubeObjectManifests(yaml)
    .filter(({ kind, metadata }) => kind.endsWith("Role") && named.includes(metadata.name))
    .flatMap(({ metadata: { name }, ...role }) => [
      { ...role, apiVersion: `${apiGroup}/v1`, kind: "Role", metadata: { name, namespace } },
      {
        apiVersion: `${apiGroup}/v1`,
        kind: "RoleBinding",
        metadata: { name, namespace },
        roleRef: { apiGroup, kind: "Role", name },
        subjects: [{ apiGroup, kind: "User", name: ACCOUNT }],
      },
    ]);
}

describe("a hub with --namespace of two namespaces", () => {
  it(
    "does its work in both with Roles there and no right over the cluster",
    { timeout: 240_000 },
    async () => {
      await using one = openPlay(theatre, { functions: allFunctions, seed: 3 });
      await using two = openPlay(theatre, { functions: allFunctions, seed: 4 });
      const plays: Play[] = [one, two];
      for (const [n, { actor, names }] of plays.entries()) {
        await actor.prepare([["pool", 10, 20]], { cluster: fromPools(names, "pool") });
        await installManifests(theatre.clients.M, await rolesIn(names.namespace, n === 0), testHost().clock);
      }
      const began = Date.now();
      const both = plays.map(({ names }) => names.namespace).join(",");
      const run = await hub(ACCOUNT, "-n", both, "--ledger-namespace", one.names.namespace);
      for (const { actor } of plays) {
        await actor.createMachine("m1");
        await actor.provisioned("m1");
        await actor.deleteMachine("m1");
        await actor.gone("m1");
      }
      for (const play of plays) {
        await play.rest();
        expect(leftOnHarvester(play)).toEqual([]);
        expectSound(play);
      }
      run.process.kill("SIGTERM");
      expect(await run.ended).toMatchObject({ code: 0 });
      const refused = new Set<string>();
      const everywhere = new Set<string>();
      for await (const request of readAuditLog(plane.auditLogPath)) {
        const { user, verb, resource, namespace, name, code, receivedAt } = request;
        if (user !== ACCOUNT || receivedAt < began) continue;
        if (code === 403) refused.add(`${verb} ${resource} ${namespace ?? ""}/${name ?? ""}`);
        if (namespace === undefined && ["list", "watch"].includes(verb))
          everywhere.add(`${verb} ${resource}`);
      }
      // The uid of kube-system is its id of the cluster; it does without where it may not be read.
      expect([...refused]).toEqual(["get namespaces kube-system/kube-system"]);
      expect([...everywhere]).toEqual([]);
    },
  );
});
