import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { clusterFinalizer, machineFinalizer } from "#api/names.ts";
import { clusterApiCrds } from "#platform/control-plane/cluster-api-core.ts";
import type { ControlPlane } from "#platform/control-plane/control-plane.ts";
import { installManifests } from "#platform/control-plane/install-manifests.ts";
import type { KubeObject, NewObject } from "#platform/kube/resource.ts";
import {
  customResourceDefinitions,
  deployments,
  harvesterClusters,
  harvesterMachines,
  ipPools,
  machines,
  namespaces,
  validatingWebhookConfigurations,
  virtualMachines,
} from "#platform/kube/resources.ts";
import { systemClock } from "#platform/process/clock.ts";
import { stageApi } from "#test/chaos/own-stage.ts";
import { sharedStage } from "#test/chaos/shared-stage.ts";
import type { Stage } from "#test/chaos/stage.ts";
import { commandHere } from "#test/support/command-here.ts";
import { newNamespace, privateControlPlane, testHost } from "#test/support/control-planes.ts";
import { ownCrds } from "#test/support/global-setup.ts";
import { goManager, goWebhooks } from "#test/support/go-manager.ts";
import { loadMoment, type Moment } from "#test/support/takeover-stage.ts";
import { isTrue, openStage, openWorld, type Loose, type StageClients } from "#test/support/takeover-world.ts";

const clock = systemClock();
const WORKER = "md-0-qk7wz-4fnzr";
const HALF_DELETED = "md-0-qk7wz-m9t6c";
const BOOTING = "md-0-qk7wz-b2hvx";
const WITHOUT_ADDRESS = "md-0-qk7wz-p8d5j";
const WITHOUT_BOOTSTRAP = "md-0-qk7wz-zc4lq";

/** Our CRDs as those of an early release of the Go provider were: stored as v1alpha1, converted by a webhook. */
async function earlyCrds(): Promise<NewObject[]> {
  const early = (await ownCrds()).filter(({ metadata }) => metadata.name.includes("infrastructure"));
  return early.map((crd) => {
    const spec = crd["spec"] as { versions: { name: string; storage: boolean }[] };
    for (const version of spec.versions) version.storage = version.name === "v1alpha1";
    const service = { name: "caphv-webhook-service", namespace: "caphv-system", path: "/convert" };
    const webhook = { clientConfig: { service }, conversionReviewVersions: ["v1"] };
    return { ...crd, spec: { ...spec, conversion: { strategy: "Webhook", webhook } } };
  });
}

/** Every test takes over a cluster of its own, in this order; all are loaded before any is taken over. */
const moments: readonly Moment[] = ["running", "worker-deleting", "worker-waiting", "worker-waiting"];

describe.each([{ stored: "v1beta1" }, { stored: "v1alpha1" }] as const)(
  "what the Go provider left, stored as $stored,",
  ({ stored }) => {
    const early = stored === "v1alpha1";
    let stage: Stage;
    let plane: ControlPlane | undefined;
    let clients: StageClients;
    const loaded: string[] = [];

    beforeAll(async () => {
      stage = sharedStage();
      if (early) {
        const crds = [...(await clusterApiCrds(testHost())), ...(await earlyCrds())];
        plane = await privateControlPlane({ name: "takeover", auditLog: false }, crds);
        stage = { ...stage, M: stageApi(plane) };
      }
      clients = await openStage(stage);
      for (const moment of moments) {
        const name = await newNamespace(clients.h, "take");
        await loadMoment(moment, {
          name,
          clients,
          harvester: stage.H.kubeconfig,
          workload: stage.W.kubeconfig,
          version: stored,
          legacyFinalizers: early,
        });
        loaded.push(name);
      }
      if (!early) return;
      await migrateFromGoProvider();
      await installManifests(clients.m, await ownCrds(), clock);
    });
    afterAll(async () => {
      for (const client of Object.values(clients)) client.close();
      await plane?.stop();
    });

    /** The command as a person runs it: the Go provider's pods, webhooks and conversion are still there. */
    async function migrateFromGoProvider(): Promise<void> {
      await installManifests(clients.m, goManager(), clock);
      await using directory = await scratch();
      const kubeconfig = join(directory.path, "kubeconfig");
      await writeFile(kubeconfig, stage.M.kubeconfig);
      const to = ["migrate", "--from", "caphv", "--kubeconfig", kubeconfig];
      const report = await commandHere(...to, "--json");
      expect(report).toMatchObject({ code: 0, stderr: "" });
      const { findings, steps } = JSON.parse(report.stdout);
      expect(findings.filter(({ state }: Loose) => state === "blocks")).toEqual([]);
      expect(findings).toContainEqual(
        expect.objectContaining({ message: expect.stringContaining("its counter says 8 are free, 0 are") }),
      );
      expect(steps).toEqual([
        expect.stringContaining("scale Deployment caphv-system/caphv-controller-manager to zero"),
        ...Array.from({ length: 4 }, () => expect.stringContaining("have the API server convert")),
        expect.stringContaining("caphv-validating-webhook-configuration not asked any more"),
      ]);
      const at = { namespace: "caphv-system", name: "caphv-controller-manager" };
      expect(((await clients.m.get(deployments, at)) as Loose).spec.replicas).toBe(1);
      expect(await commandHere(...to, "--execute")).toMatchObject({ code: 0 });
      const manager: Loose = await clients.m.get(deployments, at);
      expect(manager.spec.replicas).toBe(0);
      const webhooks: Loose = await clients.m.get(validatingWebhookConfigurations, goWebhooks.metadata);
      expect(webhooks.webhooks[0].matchConditions).toHaveLength(1);
      const again = await commandHere(...to, "--json");
      expect(JSON.parse(again.stdout).steps).toEqual([]);

      // And back: the same pods, the same webhooks.
      const back = await commandHere(...to, "--back", "--execute");
      expect(back.code).toBe(0);
      expect(((await clients.m.get(deployments, at)) as Loose).spec.replicas).toBe(1);
      const asked: Loose = await clients.m.get(validatingWebhookConfigurations, goWebhooks.metadata);
      expect(asked.webhooks[0].matchConditions ?? []).toEqual([]);
      expect(await commandHere(...to, "--execute")).toMatchObject({ code: 0 });
    }

    /** The moment, and capfn run on it until it has nothing more to do. */
    async function takeOver(test: number) {
      const world = openWorld(stage, clients, loaded[test]!);
      const before = await world.snapshot();
      await world.startCapfn();
      return { ...world, before };
    }

    test("and runs, is served on: no VM, disk, cloud-init Secret or pool is written [check 104] [check 105]", async () => {
      await using world = await takeOver(0);
      for (const suffix of ["cp-7xk2d", WORKER, HALF_DELETED]) {
        const machine = await world.seen(suffix, ({ status }) => isTrue(status, "Ready"));
        expect(machine.metadata.finalizers).toEqual([machineFinalizer]);
        expect(machine.status).toMatchObject({ ready: true, initialization: { provisioned: true } });
        expect(machine.status.addresses).toContainEqual({
          type: "InternalIP",
          address: machine.status.allocatedIPAddress,
        });
        const vm = await world.get(virtualMachines, suffix);
        expect(machine.spec.providerID).toBe(`harvester://${vm.metadata.uid}`);
      }
      const cluster: Loose = await clients.m.get(harvesterClusters, {
        namespace: world.name,
        name: world.name,
      });
      expect(cluster.metadata.finalizers).toEqual([clusterFinalizer]);
      expect(cluster.status).toMatchObject({ ready: true, initialization: { provisioned: true } });
      await world.quiet();
      expect(await world.snapshot()).toEqual(world.before);
      expect(await world.written()).toEqual([]);
    });

    test("and is half deleted, is finished once its VM has stopped, and nobody else is touched [check 97] [check 105]", async () => {
      await using world = await takeOver(1);
      expect(await world.get(harvesterMachines, HALF_DELETED)).toBeDefined();
      expect(await world.written()).toEqual([]);
      await world.letHarvesterAct();
      await world.seen(HALF_DELETED, (machine) => machine === undefined);
      await world.quiet();
      const left = await world.snapshot();
      expect([...left.keys()].filter((what) => what.includes(HALF_DELETED))).toEqual([]);
      const pool: Loose = await clients.h.get(ipPools, { name: `${world.name}-vms` });
      expect(pool.status.allocated).toEqual({
        "10.50.0.10": `${world.name}/${world.name}-cp-7xk2d`,
        "10.50.0.11": `${world.name}/${world.name}-${WORKER}`,
      });
      const written = await world.written();
      expect(written.filter((write) => !write.includes(HALF_DELETED))).toEqual(
        written.filter((write) => write.startsWith("deletecollection ")),
      );
    });

    test("and waits, goes on: the VM that boots is kept, the machine at the full pool gets the address of a deleted one [check 97] [check 104] [check 105]", async () => {
      await using world = await takeOver(2);
      expect(await world.written()).toEqual([]);
      const booting = await world.get(virtualMachines, BOOTING);
      await world.letHarvesterAct();
      const booted = await world.seen(BOOTING, ({ status }) => status.initialization?.provisioned === true);
      expect(booted.spec.providerID).toBe(`harvester://${booting.metadata.uid}`);
      expect(await world.get(virtualMachines, WITHOUT_ADDRESS)).toBeUndefined();
      await world.quiet();
      expect(await world.written()).toEqual([]);

      // One that serves goes; its address is the only one the pool can give.
      const worker = await world.get(harvesterMachines, WORKER);
      await clients.m.delete(harvesterMachines, world.at(WORKER), { uid: worker.metadata.uid });
      await world.seen(WORKER, (machine) => machine === undefined);
      expect([...(await world.snapshot()).keys()].filter((what) => what.includes(WORKER))).toEqual([]);
      const served = await world.seen(
        WITHOUT_ADDRESS,
        ({ status }) => status.initialization?.provisioned === true,
      );
      expect(served.status.allocatedIPAddress).toBe("10.50.0.11");
      const written = await world.written();
      for (const untouched of ["cp-7xk2d", BOOTING])
        expect(written.filter((write) => write.includes(untouched))).toEqual([]);
    });

    test("and is somebody else's VM under a machine's name, is neither adopted nor deleted [check 84] [check 105]", async () => {
      await using world = await takeOver(3);
      const { name, namespace } = world.at(WITHOUT_BOOTSTRAP);
      const pattern: Loose = await world.get(virtualMachines, BOOTING);
      const foreign = await clients.h.create(virtualMachines, {
        apiVersion: pattern.apiVersion,
        kind: pattern.kind,
        metadata: { name, namespace, labels: { ...pattern.metadata.labels, "harvesterhci.io/vmName": name } },
        spec: { ...pattern.spec, runStrategy: "Halted" },
      });
      await clients.m.mergePatch(machines, world.at(WITHOUT_BOOTSTRAP), {
        spec: { bootstrap: { dataSecretName: `${world.name}-${WITHOUT_ADDRESS}` } },
      });
      const refused = await world.seen(WITHOUT_BOOTSTRAP, ({ status }) =>
        (status.conditions as Loose[]).some(({ reason }) => reason === "VMNameTaken"),
      );
      await clients.m.delete(harvesterMachines, refused.metadata, { uid: refused.metadata.uid });
      await world.seen(WITHOUT_BOOTSTRAP, (machine) => machine === undefined);
      const after: KubeObject | undefined = await clients.h.get(virtualMachines, { namespace, name });
      expect(after?.metadata.uid).toBe(foreign.metadata.uid);
      expect(after?.metadata.deletionTimestamp).toBeUndefined();
    });

    // Only what was stored in the early version has another one to be read in.
    if (early)
      test("is readable and writable in both versions afterwards [check 104]", async () => {
        const crd: Loose = await clients.m.get(customResourceDefinitions, {
          name: "harvestermachines.infrastructure.cluster.x-k8s.io",
        });
        expect(crd.status.storedVersions).toEqual(["v1alpha1", "v1beta1"]);
        for await (const { metadata } of clients.m.list(namespaces))
          if (metadata.name.startsWith("take-"))
            for (const version of ["v1alpha1", "v1beta1"])
              for await (const machine of clients.m.list(
                { ...harvesterMachines, version },
                { namespace: metadata.name },
              ))
                expect(machine.apiVersion.endsWith(version)).toBe(true);
      });
  },
);

async function scratch() {
  const path = await mkdtemp(join(tmpdir(), "capfn-takeover-"));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}
