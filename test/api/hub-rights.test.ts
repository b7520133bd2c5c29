import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import { allFunctions } from "#cli/functions.ts";
import { hubRights, stepsOfHub, stepsRole } from "#cli/generate/deploy/rights.ts";
import { manifestText } from "#cli/generate/deploy/template.ts";
import { kubeObjectManifests } from "#cli/lab/manifests.ts";
import { configMapLedger } from "#events/sources/config-map-ledger.ts";
import { clusterApiCrds } from "#platform/control-plane/cluster-api-core.ts";
import type { ControlPlane } from "#platform/control-plane/control-plane.ts";
import { BASIC_CONTROLLERS } from "#platform/control-plane/kube-controller-manager.ts";
import { configMaps, namespaces } from "#platform/kube/resources.ts";
import { createKubeClient } from "#platform/kube/rest.ts";
import { systemClock } from "#platform/process/clock.ts";
import { expectSound, leftOnHarvester } from "#test/api/faults/stage.ts";
import { fromPools } from "#test/chaos/manifests.ts";
import { stageApi } from "#test/chaos/own-stage.ts";
import { sharedStage } from "#test/chaos/shared-stage.ts";
import type { StageUser } from "#test/chaos/stage.ts";
import { openTheatre, type Theatre } from "#test/chaos/theatre.ts";
import { openPlay } from "#test/chaos/trial.ts";
import { privateControlPlane, testHost, testUsers } from "#test/support/control-planes.ts";
import { ownCrds } from "#test/support/global-setup.ts";

const HUB = "system:serviceaccount:capfn-system:capfn-hub";
let undo: AsyncDisposableStack | undefined;
let plane: ControlPlane;
let theatre: Theatre;

beforeAll(async () => {
  await using stack = new AsyncDisposableStack();
  const groups = ["system:serviceaccounts", "system:authenticated"];
  const hub = { name: HUB, groups, token: randomBytes(16).toString("hex") };
  const rights = [...hubRights(), ...stepsRole(), ...stepsOfHub()];
  plane = await privateControlPlane(
    { name: "hub-rights", users: [...testUsers(), hub], controllers: BASIC_CONTROLLERS },
    [
      ...(await clusterApiCrds(testHost())),
      ...(await ownCrds()),
      { apiVersion: "v1", kind: "Namespace", metadata: { name: "capfn-system" } },
      ...kubeObjectManifests(manifestText(rights)),
    ],
  );
  stack.defer(() => plane.stop());
  const W = stageApi(plane);
  const M = { ...W, config: (user: StageUser) => plane.clientConfigFor(user === "capfn" ? HUB : user) };
  theatre = stack.use(await openTheatre({ ...sharedStage(), M, W }));
  undo = stack.move();
}, 300_000);

afterAll(() => undo?.disposeAsync());

test(
  "with the account of the manifests one process does all of a machine's life [check 119]",
  { timeout: 900_000 },
  async () => {
    await using play = openPlay(theatre, { functions: allFunctions, seed: 1 });
    const { actor, lives, names } = play;
    await actor.prepare([["pool", 10, 10]], { cluster: fromPools(names, "pool") });
    await lives.start();
    await actor.createMachine("m1");
    await actor.provisioned("m1");
    await actor.createMachine("m2");
    await actor.deleteMachine("m1");
    await actor.gone("m1");
    await actor.provisioned("m2");
    await actor.deleteMachine("m2");
    await actor.gone("m2");
    await play.rest();
    expect(leftOnHarvester(play)).toEqual([]);
    expectSound(play);
  },
);

test("that account keeps the ledger, and makes no other ConfigMap", async () => {
  const client = createKubeClient(plane.clientConfigFor(HUB), { clock: systemClock() });
  try {
    const ledger = configMapLedger(client, "capfn-system");
    await ledger.load();
    expect(await client.get(namespaces, { name: "kube-system" })).toBeDefined();
    const other = { apiVersion: "v1", kind: "ConfigMap", metadata: { namespace: "default", name: "x" } };
    await expect(client.create(configMaps, other)).rejects.toMatchObject({ reason: "forbidden" });
  } finally {
    client.close();
  }
});
