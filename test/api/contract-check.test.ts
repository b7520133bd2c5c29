import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parse } from "yaml";
import { allFunctions } from "#cli/functions.ts";
import { harvesterManifests } from "#cli/contract-check/exercise/manifests.ts";
import { clusterApiCrds } from "#platform/control-plane/cluster-api-core.ts";
import type { ControlPlane } from "#platform/control-plane/control-plane.ts";
import { BASIC_CONTROLLERS } from "#platform/control-plane/kube-controller-manager.ts";
import type { KubeClient } from "#platform/kube/client.ts";
import type { NewObject } from "#platform/kube/resource.ts";
import {
  customResourceDefinitions,
  harvesterClusters,
  harvesterMachines,
  namespaces,
} from "#platform/kube/resources.ts";
import { createKubeClient } from "#platform/kube/rest.ts";
import { MANAGEMENT } from "#platform/kube/view.ts";
import { systemClock } from "#platform/process/clock.ts";
import { installAdmission } from "#test/support/admission.ts";
import { capfn, endCapfn } from "#test/support/command-line.ts";
import { privateControlPlane, testHost } from "#test/support/control-planes.ts";
import { repository } from "#test/support/documentation.ts";
import { ownCrds } from "#test/support/global-setup.ts";
import { operatorWith } from "#test/support/operator-with.ts";

const stack = new AsyncDisposableStack();
let plane: ControlPlane;
let client: KubeClient;
let kubeconfig = "";

beforeAll(async () => {
  const role = parse(
    await readFile(join(repository, "manifests/rbac/external-remediation.yaml"), "utf8"),
  ) as NewObject;
  plane = stack.use(
    // Of its own: definitions are broken here, and objects of other tests would be looked at.
    await privateControlPlane({ name: "contract", controllers: BASIC_CONTROLLERS }, [
      ...(await clusterApiCrds(testHost())),
      ...(await ownCrds()),
      role,
    ]),
  );
  client = createKubeClient(plane.clientConfig, { clock: systemClock() });
  stack.defer(() => client.close());
  const folder = await mkdtemp(join(tmpdir(), "capfn-contract-"));
  stack.defer(() => rm(folder, { recursive: true, force: true }));
  kubeconfig = join(folder, "kubeconfig");
  await writeFile(kubeconfig, plane.kubeconfigFor("capfn"), { mode: 0o600 });
});

afterAll(async () => {
  endCapfn();
  await stack.disposeAsync();
});

interface Found {
  readonly clause: string;
  readonly state: string;
  readonly on: string;
}

async function check(...flags: string[]) {
  const { code, stdout, stderr } = await capfn(
    "contract-check",
    "--kubeconfig",
    kubeconfig,
    "--json",
    ...flags,
  );
  if (stdout === "") throw new Error(stderr);
  const { verdicts } = JSON.parse(stdout) as { verdicts: Found[] };
  const of = (state: string): string[] =>
    verdicts.filter((each) => each.state === state).map(({ clause }) => clause);
  return { code, verdicts, broken: of("broken"), left: of("not looked at"), kept: of("kept") };
}

/** Namespaces that an exercise has made and that nobody has asked to go. */
async function leftovers(): Promise<string[]> {
  const found: string[] = [];
  for await (const { metadata } of client.list(namespaces))
    if (metadata.name.startsWith("contract-check-") && metadata.deletionTimestamp === undefined)
      found.push(metadata.name);
  return found;
}

/** Everything of these kinds; an exercise leaves none. */
async function objects(): Promise<string[]> {
  const found: string[] = [];
  for (const type of [harvesterClusters, harvesterMachines])
    for await (const { kind, metadata } of client.list(type)) found.push(`${kind} ${metadata.name}`);
  return found;
}

describe("capfn contract-check", () => {
  it("finds a provider that does not look at pauses, owners, moves and other systems", async () => {
    // The simplest wrong provider: holds whatever is there, lets go whatever is deleted.
    const ending = new AbortController();
    const wrong = Promise.all(
      [harvesterClusters, harvesterMachines].map((type) => holdAll(type, ending.signal)),
    );
    try {
      const { code, broken } = await check("--exercise", "--wait-seconds", "3");
      expect(code).toBe(1);
      expect(new Set(broken)).toEqual(
        new Set(["pause-told", "pause-kept", "managed-by", "owner-first", "move-safe", "template-immutable"]),
      );
    } finally {
      ending.abort();
      await wrong;
    }
    expect(await leftovers()).toEqual([]);
  });

  it("takes the least a cluster and a machine need from a file, and says what a provider that does not run leaves open", async () => {
    const file = join(kubeconfig, "..", "least.yaml");
    await writeFile(file, JSON.stringify(harvesterManifests.cluster));
    const refused = await capfn("contract-check", "--kubeconfig", kubeconfig, "--exercise", "--from", file);
    expect(refused).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("no HarvesterMachine with a spec"),
    });
    expect(await leftovers()).toEqual([]);
    const machine = { ...harvesterManifests.machine, metadata: {} };
    await writeFile(file, `${JSON.stringify(harvesterManifests.cluster)}\n---\n${JSON.stringify(machine)}`);
    const { code, broken, verdicts } = await check("--exercise", "--wait-seconds", "1", "--from", file);
    expect(code).toBe(0);
    expect(broken.filter((clause) => clause !== "template-immutable")).toEqual(["pause-told", "pause-told"]);
    const open = (clause: string) => verdicts.find((each) => each.clause === clause);
    for (const clause of ["pause-kept", "managed-by", "owner-first"])
      expect(open(clause)).toMatchObject({
        state: "not looked at",
        seen: expect.stringMatching(/no reaction/),
      });
    expect(open("move-safe")).toMatchObject({ seen: expect.stringMatching(/metadata.finalizers/) });
  });

  it("finds that capfn keeps the contract, and takes away what it made to see so", async () => {
    // Not before: the provider above is to be found wanting in what policies see to.
    await installAdmission(plane);
    const config = { ...plane.clientConfig, connection: MANAGEMENT };
    const management = createKubeClient(config, { clock: systemClock() });
    const operator = await operatorWith({ management, functions: allFunctions });
    try {
      const { code, verdicts, broken, left, kept } = await check("--exercise", "--wait-seconds", "60");
      expect(broken).toEqual([]);
      expect(code).toBe(0);
      for (const clause of ["pause-told", "pause-kept", "managed-by", "owner-first", "move-safe"])
        expect(kept, JSON.stringify(verdicts)).toContain(clause);
      expect(kept).toEqual(
        expect.arrayContaining(["template-apply", "template-immutable", "topology-dry-run", "core-rights"]),
      );
      // Of the definitions and the exercise nothing is left open; objects of users there are none.
      expect(new Set(left)).toEqual(
        new Set([
          "owned",
          "cluster-name",
          "held",
          "conditions-valid",
          "paused-shown",
          "provisioned-stays",
          "endpoint-set",
          "provider-id-set",
          "provider-id-unique",
        ]),
      );
    } finally {
      await operator.stop(0);
      management.close();
    }
    expect(await leftovers()).toEqual([]);
    expect(await objects()).toEqual([]);
  });

  it("finds definitions that somebody has broken, in a table with the mend, and ends with exit code 1", async () => {
    const machine = { name: "harvestermachines.infrastructure.cluster.x-k8s.io" };
    const labels = { "cluster.x-k8s.io/v1beta1": null, "cluster.x-k8s.io/v1beta2": null };
    await client.mergePatch(customResourceDefinitions, machine, { metadata: { labels } });
    const cluster = { name: "harvesterclusters.infrastructure.cluster.x-k8s.io" };
    await client.jsonPatch(customResourceDefinitions, cluster, [
      { op: "remove", path: "/spec/versions/1/subresources" },
    ]);
    const { code, stdout, stderr } = await capfn("contract-check", "--kubeconfig", kubeconfig);
    expect(code).toBe(1);
    expect(stdout).toMatch(/^contract-label +BROKEN +HarvesterMachine +there is no contract label$/m);
    expect(stdout).toMatch(/^status-subresource +BROKEN +HarvesterCluster/m);
    expect(stdout).toMatch(/^ {2}contract-label, HarvesterMachine: label the definition/m);
    expect(stderr).toContain("error: infrastructure-harvester breaks the contract: 2 mandatory faults");
  });
});

async function holdAll(type: typeof harvesterClusters, signal: AbortSignal): Promise<void> {
  for await (const event of client.watch(type, { signal })) {
    if (event.type !== "added" && event.type !== "modified") continue;
    const { namespace, name, uid, finalizers = [], deletionTimestamp } = event.object.metadata;
    const wanted = deletionTimestamp === undefined ? ["example.com/wrong"] : [];
    if (JSON.stringify(finalizers) === JSON.stringify(wanted)) continue;
    await client
      .mergePatch(type, { namespace, name }, { metadata: { uid, finalizers: wanted } })
      .catch(() => undefined);
  }
}
