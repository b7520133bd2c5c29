import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parse } from "yaml";
import { clusterApiCrds } from "#platform/control-plane/cluster-api-core.ts";
import type { ControlPlane } from "#platform/control-plane/control-plane.ts";
import { BASIC_CONTROLLERS } from "#platform/control-plane/kube-controller-manager.ts";
import { clusters, harvesterMachines, ipPools, machines, virtualMachines } from "#platform/kube/resources.ts";
import { stageApi } from "#test/chaos/own-stage.ts";
import { sharedStage } from "#test/chaos/shared-stage.ts";
import type { Stage } from "#test/chaos/stage.ts";
import { commandHere } from "#test/support/command-here.ts";
import { newNamespace, privateControlPlane, testHost } from "#test/support/control-planes.ts";
import { ownCrds } from "#test/support/global-setup.ts";
import { loadMoment } from "#test/support/takeover-stage.ts";
import { isTrue, openStage, openWorld, type Loose, type StageClients } from "#test/support/takeover-world.ts";

const GO_MADE = "md-0-qk7wz-4fnzr";
const OURS = "md-0-qk7wz-ours1";
const HALF_DELETED = "md-0-qk7wz-m9t6c";

describe("clusters that are backed up, and restored on another management cluster,", () => {
  const source: Stage = sharedStage();
  let target: Stage;
  let plane: ControlPlane;
  let before: StageClients;
  let after: StageClients;
  let name: string;
  let folder: string;

  beforeAll(async () => {
    const crds = [...(await clusterApiCrds(testHost())), ...(await ownCrds())];
    plane = await privateControlPlane(
      { name: "restored", auditLog: false, controllers: BASIC_CONTROLLERS },
      crds,
    );
    target = { ...source, M: stageApi(plane) };
    before = await openStage(source);
    after = await openStage(target);
    folder = await mkdtemp(join(tmpdir(), "capfn-backup-"));
    await writeFile(join(folder, "source"), source.M.kubeconfig);
    await writeFile(join(folder, "target"), target.M.kubeconfig);
    name = await newNamespace(before.h, "back");
    await loadMoment("worker-deleting", {
      name,
      clients: before,
      harvester: source.H.kubeconfig,
      workload: source.W.kubeconfig,
    });
  });
  afterAll(async () => {
    for (const { m, h, w } of [before, after]) for (const client of [m, h, w]) client.close();
    await plane.stop();
    await rm(folder, { recursive: true, force: true });
  });

  const restore = (...args: string[]) => {
    const [directory, kubeconfig] = [join(folder, "backup"), join(folder, "target")];
    return commandHere("restore", directory, "--kubeconfig", kubeconfig, ...args);
  };
  const backup = (...args: string[]) =>
    commandHere("backup", "--kubeconfig", join(folder, "source"), ...args);

  /** One machine of the Go provider's, and one that capfn has made in the place of the deleted one. */
  async function oneOfOurs(): Promise<void> {
    const pattern: Loose = await before.m.get(machines, { namespace: name, name: `${name}-${GO_MADE}` });
    const infrastructure: Loose = await before.m.get(harvesterMachines, pattern.metadata);
    const metadata = { namespace: name, name: `${name}-${OURS}`, labels: pattern.metadata.labels };
    const { apiVersion, kind, spec } = pattern;
    const { providerID: _, ...machineSpec } = spec;
    const created = await before.m.create(machines, {
      apiVersion,
      kind,
      metadata: { ...metadata, ownerReferences: pattern.metadata.ownerReferences },
      spec: { ...machineSpec, infrastructureRef: { ...spec.infrastructureRef, name: metadata.name } },
    });
    const { providerID: __, ...ownSpec } = infrastructure.spec;
    const owner = { apiVersion, kind, name: metadata.name, uid: created.metadata.uid, controller: true };
    await before.m.create(harvesterMachines, {
      apiVersion: infrastructure.apiVersion,
      kind: infrastructure.kind,
      metadata: { ...metadata, ownerReferences: [owner] },
      spec: ownSpec,
    });
  }

  test(
    "lose no VM, make none twice and touch none, whoever made it [check 85] [check 132] [check 133]",
    { timeout: 300_000 },
    async () => {
      await using world = openWorld(source, before, name);
      await world.letHarvesterAct();
      await world.startCapfn();
      await world.seen(HALF_DELETED, (machine) => machine === undefined);
      await oneOfOurs();
      await world.seen(OURS, ({ status }) => isTrue(status, "Ready"));
      await world.quiet();
      await world.stopCapfn();

      const directory = join(folder, "backup");
      expect(await backup("-n", name, "--output-dir", directory)).toMatchObject({ code: 0, stderr: "" });
      const files = await readdir(directory);
      const missing =
        `clusters machines machinedeployments machinesets machinepools machinehealthchecks clusterresourcesets
      clusterresourcesetbindings clusterclasses harvesterclusters harvesterclustertemplates harvestermachines
      harvestermachinetemplates machineremediations cluster-secrets identity-secrets addon-configmaps
      harvester-ippools.${name}.identity-${name}`
          .split(/\s+/)
          .filter((file) => !files.includes(`${file}.yaml`));
      expect(missing).toEqual([]);
      for (const file of files) expect((await stat(join(directory, file))).mode & 0o777).toBe(0o600);
      const kubeconfigs = await readFile(join(directory, "kubeconfig-secrets-list.txt"), "utf8");
      expect(kubeconfigs).toBe(`${name}/${name}-kubeconfig\n`);
      const identities = parse(await readFile(join(directory, "identity-secrets.yaml"), "utf8"));
      expect(identities.items.map(({ metadata }: Loose) => metadata.name)).toEqual([`identity-${name}`]);
      const again = await backup("--output-dir", directory);
      expect(again).toMatchObject({ code: 1, stderr: expect.stringContaining("holds a backup already") });

      await using elsewhere = openWorld(target, after, name);
      const vms = await elsewhere.snapshot();
      const look = await restore();
      expect(look.stdout).toContain("another cluster");
      expect(await after.m.get(clusters, { namespace: name, name })).toBeUndefined();
      expect(await restore("--unpause")).toMatchObject({
        code: 1,
        stderr: expect.stringContaining("not here"),
      });
      expect(await restore("--execute")).toMatchObject({ code: 0 });
      const cluster: Loose = await after.m.get(clusters, { namespace: name, name });
      expect(cluster.spec.paused).toBe(true);
      const ours = await elsewhere.get(harvesterMachines, OURS);
      const owner: Loose = await after.m.get(machines, ours.metadata);
      expect(ours.metadata.ownerReferences).toMatchObject([{ uid: owner.metadata.uid }]);
      expect(ours.status.allocatedIPAddress).toBe("10.50.0.12");

      // Paused, and then let go: the same VMs serve, and nothing was written to them.
      await elsewhere.startCapfn();
      await elsewhere.seen(OURS, ({ status }) => isTrue(status, "Paused"));
      expect(await restore("--unpause")).toMatchObject({
        code: 0,
        stdout: `let go: Cluster ${name}/${name}\n`,
      });
      for (const suffix of ["cp-7xk2d", GO_MADE, OURS]) {
        const machine = await elsewhere.seen(
          suffix,
          ({ status }) => isTrue(status, "Ready") && !isTrue(status, "Paused"),
        );
        const vm = await elsewhere.get(virtualMachines, suffix);
        expect(machine.spec.providerID).toBe(`harvester://${vm.metadata.uid}`);
      }
      await elsewhere.quiet();
      const kept = (versions: ReadonlyMap<string, string>) =>
        [...versions].filter(([what]) => what !== "ippools");
      expect(kept(await elsewhere.snapshot())).toEqual(kept(vms));
      expect((await elsewhere.written()).filter((write) => !write.includes("ippools"))).toEqual([]);

      // A second run finds all there, and is refused, because it is acted upon.
      const repeated = await restore("--execute");
      expect(repeated).toMatchObject({ code: 1, stdout: expect.stringContaining("is not paused") });

      // They are the machines' own: each is deleted with all it has.
      for (const suffix of [GO_MADE, OURS]) {
        const { metadata } = await elsewhere.get(harvesterMachines, suffix);
        await after.m.delete(harvesterMachines, metadata, { uid: metadata.uid });
        await elsewhere.seen(suffix, (machine) => machine === undefined);
      }
      expect([...(await elsewhere.snapshot()).keys()].filter((what) => what.includes("md-0"))).toEqual([]);
      const pool: Loose = await after.h.get(ipPools, { name: `${name}-vms` });
      expect(pool.status.allocated).toEqual({ "10.50.0.10": `${name}/${name}-cp-7xk2d` });
    },
  );
});
