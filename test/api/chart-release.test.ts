import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import * as z from "zod";
import type { ControlPlane } from "#platform/control-plane/control-plane.ts";
import type { KubeClient } from "#platform/kube/client.ts";
import type { ResourceType } from "#platform/kube/resource.ts";
import { customResourceDefinitions, harvesterMachines } from "#platform/kube/resources.ts";
import { createKubeClient } from "#platform/kube/rest.ts";
import { systemClock } from "#platform/process/clock.ts";
import { privateControlPlane } from "#test/support/control-planes.ts";
import { deployTool, runTool } from "#test/support/deploy-tools.ts";
import { runnerCrds } from "#test/support/runner-crds.ts";

const NAMESPACE = "capfn-system";
const MACHINE = { namespace: "demo", name: "m1" };
const MACHINES_CRD = { name: "harvestermachines.infrastructure.cluster.x-k8s.io" };
const apps = (kind: string, plural: string): ResourceType => ({
  group: "apps",
  version: "v1",
  kind,
  plural,
  namespaced: true,
});
const deployments = apps("Deployment", "deployments");

let plane: ControlPlane;
let client: KubeClient;
let folder: string;
/** The chart as a later release would have it: another version, a field more in a CRD. */
let later: string;

beforeAll(async () => {
  await deployTool("helm");
  const namespaces = ["demo", "other"].map((name) => ({
    apiVersion: "v1",
    kind: "Namespace",
    metadata: { name },
  }));
  plane = await privateControlPlane({ name: "release" }, [...(await runnerCrds()), ...namespaces]);
  client = createKubeClient(plane.clientConfig, { clock: systemClock() });
  folder = await mkdtemp(join(tmpdir(), "capfn-release-"));
  later = join(folder, "later");
  await cp("chart", later, { recursive: true });
  await edited(join(later, "Chart.yaml"), (text) => text.replaceAll("0.1.0", "0.2.0"));
  const crd = "templates/crds/infrastructure.cluster.x-k8s.io_harvestermachines.yaml";
  await edited(join(later, crd), (text) =>
    text.replace(/^( +)cpu:\n/m, "$1addedLater:\n$1  type: string\n$1cpu:\n"),
  );
});

afterAll(async () => {
  client?.close();
  await plane?.stop();
  if (folder !== undefined) await rm(folder, { recursive: true, force: true });
});

async function edited(path: string, edit: (text: string) => string): Promise<void> {
  const text = await readFile(path, "utf8");
  const changed = edit(text);
  expect(changed).not.toBe(text);
  await writeFile(path, changed);
}

async function helm(...args: string[]): Promise<string> {
  const places = { HELM_CACHE_HOME: folder, HELM_CONFIG_HOME: folder, HELM_DATA_HOME: folder };
  const namespace = args.includes("--namespace") ? [] : ["--namespace", NAMESPACE];
  const connection = ["--kubeconfig", plane.kubeconfigPath, ...namespace];
  const { code, stdout, stderr } = await runTool("helm", [...args, ...connection], places);
  expect(`${stderr}${code === 0 ? "" : stdout}`).toBe("");
  return stdout;
}

const knows = async (field: string): Promise<boolean> =>
  JSON.stringify(await client.get(customResourceDefinitions, MACHINES_CRD)).includes(`"${field}"`);

const runnerOf = async (): Promise<string[]> => {
  const hub = await client.get(deployments, { namespace: NAMESPACE, name: "capfn-hub" });
  const { spec } = z
    .looseObject({
      spec: z.looseObject({
        template: z.looseObject({
          spec: z.looseObject({ containers: z.array(z.looseObject({ args: z.array(z.string()) })) }),
        }),
      }),
    })
    .parse(hub);
  return spec.template.spec.containers[0]?.args ?? [];
};

const machineUid = async (): Promise<string | undefined> =>
  (await client.get(harvesterMachines, MACHINE))?.metadata.uid;

const replicasOf = async (name: string): Promise<unknown> =>
  z
    .looseObject({ spec: z.looseObject({ replicas: z.number() }) })
    .parse(await client.get(deployments, { namespace: NAMESPACE, name })).spec.replicas;

describe("a release of the chart", () => {
  let uid: string | undefined;

  test("is installed by helm, with its CRDs", async () => {
    const said = await helm("install", "capfn", "chart", "--create-namespace");
    expect(said).toContain("rollout status deployment/capfn-hub");
    await expect.poll(() => knows("sshKeyPair"), { timeout: 30_000 }).toBe(true);
    await expect
      .poll(
        async () => {
          uid = await client
            .create(harvesterMachines, {
              apiVersion: "infrastructure.cluster.x-k8s.io/v1beta1",
              kind: "HarvesterMachine",
              metadata: {
                ...MACHINE,
                finalizers: ["harvestermachine.infrastructure.cluster.x-k8s.io/finalizer"],
              },
              spec: {
                cpu: 2,
                memory: "4Gi",
                sshUser: "user",
                sshKeyPair: "default/key",
                volumes: [
                  { volumeType: "image", imageName: "default/image", volumeSize: "40Gi", bootOrder: 0 },
                ],
                networks: ["default/net"],
              },
            })
            .then(({ metadata }) => metadata.uid)
            .catch(String);
          return uid;
        },
        { timeout: 60_000 },
      )
      .toMatch(/^[0-9a-f-]{36}$/);
  });

  test("is upgraded to a later one and to KEDA: CRDs too, and what is there stays", async () => {
    expect(await knows("addedLater")).toBe(false);
    await helm("upgrade", "capfn", later, "--set", "runner=keda");
    expect(await knows("addedLater")).toBe(true);
    expect(await machineUid()).toBe(uid);
    expect(await runnerOf()).toContain("--pull-bind-address=:8082");
    expect(await replicasOf("capfn-vm-create")).toBe(0);
  });

  test("leaves the replicas to KEDA when it is upgraded while functions are awake", async () => {
    const awake = { namespace: NAMESPACE, name: "capfn-vm-create" };
    await client.mergePatch(deployments, awake, { spec: { replicas: 3 } }, { fieldManager: "keda" });
    await helm("upgrade", "capfn", later, "--set", "runner=keda", "--set", "logLevel=debug");
    expect(await replicasOf("capfn-vm-create")).toBe(3);
    expect(await runnerOf()).toContain("--log-level=debug");
  });

  test("is rolled back: the former runner and CRDs, and what is there stays", async () => {
    await helm("rollback", "capfn", "1");
    expect(await runnerOf()).not.toContain("--pull-bind-address=:8082");
    expect(await client.get(deployments, { namespace: NAMESPACE, name: "capfn-vm-create" })).toBeUndefined();
    expect(await knows("addedLater")).toBe(false);
    expect(await machineUid()).toBe(uid);
  });

  test("is uninstalled: CRDs and objects are kept, with their finalizers", async () => {
    const said = await helm("uninstall", "capfn");
    expect(said).toContain("kept due to the resource policy");
    expect(await client.get(deployments, { namespace: NAMESPACE, name: "capfn-hub" })).toBeUndefined();
    const machine = await client.get(harvesterMachines, MACHINE);
    expect(machine?.metadata.uid).toBe(uid);
    expect(machine?.metadata.finalizers).toHaveLength(1);
  });

  test("is installed again over what was kept, under another name", async () => {
    await helm("install", "again", "chart", "--take-ownership");
    expect(await machineUid()).toBe(uid);
    await helm("uninstall", "again");
  });

  test("for some namespaces stands beside one for others", async () => {
    for (const [name, watched] of [
      ["left", "demo"],
      ["right", "other"],
    ] as const) {
      const values = ["--set", "crds.install=false", "--set", `watchNamespaces={${watched}}`];
      await helm("install", name, "chart", "--create-namespace", ...values, "--namespace", `capfn-${name}`);
    }
    const roles = {
      group: "rbac.authorization.k8s.io",
      version: "v1",
      kind: "Role",
      plural: "roles",
      namespaced: true,
    };
    for (const [name, watched] of [
      ["left", "demo"],
      ["right", "other"],
    ] as const) {
      const role = await client.get(roles, { namespace: watched, name: `capfn-hub-capfn-${name}` });
      expect(role).toBeDefined();
      await helm("uninstall", name, "--namespace", `capfn-${name}`);
      expect(
        await client.get(roles, { namespace: watched, name: `capfn-hub-capfn-${name}` }),
      ).toBeUndefined();
    }
  });
});
