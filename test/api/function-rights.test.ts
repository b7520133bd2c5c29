import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import { functionRights, hubRights } from "#cli/generate/deploy/rights.ts";
import { manifestText } from "#cli/generate/deploy/template.ts";
import { kubeObjectManifests } from "#cli/lab/manifests.ts";
import { version } from "#cli/version.ts";
import { allFunctions } from "#cli/functions.ts";
import { SecretClients } from "#events/sources/secret-clients.ts";
import { kubeAnnouncer } from "#events/sources/announcer.ts";
import { functionServer } from "#events/transport/function-server.ts";
import { httpRunner } from "#events/transport/http-runner.ts";
import type { RunResult } from "#events/transport/runner.ts";
import { clusterApiCrds } from "#platform/control-plane/cluster-api-core.ts";
import type { ControlPlane } from "#platform/control-plane/control-plane.ts";
import { BASIC_CONTROLLERS } from "#platform/control-plane/kube-controller-manager.ts";
import { isKubeError } from "#platform/kube/errors.ts";
import {
  harvesterIpPools,
  harvesterMachines,
  machines,
  namespaces,
  remediationRequests,
  secrets,
} from "#platform/kube/resources.ts";
import { createKubeClient } from "#platform/kube/rest.ts";
import { MANAGEMENT } from "#platform/kube/view.ts";
import { systemClock } from "#platform/process/clock.ts";
import { stageApi } from "#test/chaos/own-stage.ts";
import type { StageUser } from "#test/chaos/stage.ts";
import { fromPools } from "#test/chaos/manifests.ts";
import { sharedStage } from "#test/chaos/shared-stage.ts";
import { openTheatre, type Theatre } from "#test/chaos/theatre.ts";
import { openPlay } from "#test/chaos/trial.ts";
import { expectSound, leftOnHarvester } from "#test/api/faults/stage.ts";
import { privateControlPlane, testHost, testUsers } from "#test/support/control-planes.ts";
import { ownCrds } from "#test/support/global-setup.ts";

const accountOf = (name: string) => `system:serviceaccount:capfn-system:capfn-${name}`;
const clock = systemClock();
const dropped: string[] = [];
const faults: string[] = [];
const ran = new Set<string>();
const urls = new Map<string, string>();
let undo: AsyncDisposableStack | undefined;
let plane: ControlPlane;
let theatre: Theatre;

beforeAll(async () => {
  await using stack = new AsyncDisposableStack();
  const accounts = [...allFunctions.map(({ name }) => name), "hub"].map((name) => ({
    name: accountOf(name),
    groups: ["system:serviceaccounts", "system:authenticated"],
    token: randomBytes(16).toString("hex"),
  }));
  const namespace = { apiVersion: "v1", kind: "Namespace", metadata: { name: "capfn-system" } };
  plane = await privateControlPlane(
    { name: "rights", users: [...testUsers(), ...accounts], controllers: BASIC_CONTROLLERS },
    [
      ...(await clusterApiCrds(testHost())),
      ...(await ownCrds()),
      namespace,
      ...[hubRights(), ...functionRights().values()].flatMap((documents) =>
        kubeObjectManifests(manifestText(documents)),
      ),
    ],
  );
  stack.defer(() => plane.stop());
  for (const fn of allFunctions) urls.set(fn.name, await serve(fn, stack));
  const W = stageApi(plane);
  // The hub has its own account too.
  const M = {
    ...W,
    config: (user: StageUser) => plane.clientConfigFor(user === "capfn" ? accountOf("hub") : user),
  };
  theatre = stack.use(await openTheatre({ ...sharedStage(), M, W }));
  undo = stack.move();
}, 300_000);

afterAll(() => undo?.disposeAsync());

/** One function, with a client of its own account and nobody else's. */
async function serve(fn: (typeof allFunctions)[number], stack: AsyncDisposableStack): Promise<string> {
  const config = { ...plane.clientConfigFor(accountOf(fn.name)), connection: MANAGEMENT };
  const management = createKubeClient(config, { clock });
  const clients = new SecretClients(management, (other) => createKubeClient(other, { clock }));
  const server = functionServer({
    functions: [fn],
    views: allFunctions.flatMap(({ views }) => views),
    world: {
      clock,
      management: () => management,
      client: (connection) => clients.client(connection),
      announce: kubeAnnouncer(management, clock, (what) => dropped.push(`${fn.name}: ${what}`)),
      count: () => undefined,
      measureCreation: () => undefined,
    },
    verify: undefined,
    version,
    contain: (act) => act(),
    ran: (name, { fault }: RunResult) => {
      ran.add(name);
      if (isKubeError(fault, "forbidden", "unauthorized")) faults.push(`${name}: ${fault.message}`);
    },
  });
  stack.defer(async () => {
    await server.close();
    clients.close();
    management.close();
  });
  return server.listen({ host: "127.0.0.1", port: 0 });
}

test(
  "hub and functions do a machine's life, each with its own rights [check 119]",
  { timeout: 900_000 },
  async () => {
    const runner = httpRunner({
      urlOf: (name) => `${urls.get(name)}/${name}`,
      tokenOf: () => Promise.resolve(undefined),
      version,
      clock,
    });
    await using play = openPlay(theatre, { functions: allFunctions, seed: 1, runner });
    const { actor, lives, names } = play;
    await actor.prepare([["pool", 10, 10]], { cluster: fromPools(names, "pool") });
    await lives.start();
    await actor.createMachine("m1");
    await actor.provisioned("m1");
    // One that waits takes the address over, so that the pool is looked through.
    await actor.createMachine("m2");
    await actor.deleteMachine("m1");
    await actor.gone("m1");
    await actor.provisioned("m2");
    await actor.deleteMachine("m2");
    await actor.gone("m2");
    // The third claims its address, and ours is the pool it claims it from.
    const rack = { apiGroup: "capfn.dev", kind: "HarvesterIPPool", name: "rack" };
    await theatre.clients.M.create(harvesterIpPools, {
      apiVersion: "capfn.dev/v1alpha1",
      kind: rack.kind,
      metadata: { namespace: names.namespace, name: rack.name },
      spec: { identitySecret: { name: "identity" }, ipPool: names.pool("pool") },
    });
    await actor.createMachine("m3", { spec: { ipamNetworkConfig: { pools: [rack] } } });
    await actor.provisioned("m3");
    await actor.deleteMachine("m3");
    await actor.gone("m3");
    await play.rest();
    expect(leftOnHarvester(play)).toEqual([]);
    expectSound(play);
    expect(faults).toEqual([]);
    expect(dropped).toEqual([]);
    expect([...ran]).toEqual(
      expect.arrayContaining([
        "address-claim",
        "address-withdraw",
        "claim-pool-observe",
        "claim-release",
        "claim-serve",
        "cluster-connect",
        "ip-allocate",
        "ip-release",
        "machine-observe",
        "node-init",
        "vm-create",
        "vm-delete",
      ]),
    );
  },
);

test("and the API server refuses what is not its part", async () => {
  const at = { namespace: "default", name: "some" };
  const refused = async (
    name: string,
    act: (client: ReturnType<typeof createKubeClient>) => Promise<unknown>,
  ) => {
    const client = createKubeClient(plane.clientConfigFor(accountOf(name)), { clock });
    try {
      return await act(client).then(
        () => "allowed",
        (error: unknown) => (isKubeError(error) ? error.reason : String(error)),
      );
    } finally {
      client.close();
    }
  };
  const secret = { apiVersion: "v1", kind: "Secret", metadata: at };
  expect(
    await Promise.all([
      refused("vm-create", (client) => client.delete(machines, at, { uid: "u" })),
      refused("vm-create", (client) => client.create(secrets, secret)),
      refused("vm-create", (client) => client.mergePatch(machines, at, {})),
      refused("vm-create", (client) => client.list(secrets)[Symbol.asyncIterator]().next()),
      refused("machine-observe", (client) => client.get(secrets, at)),
      refused("ip-release", (client) =>
        client.mergePatch(harvesterMachines, at, {}, { subresource: "status" }),
      ),
      refused("event-inject", (client) => client.get(harvesterMachines, at)),
      refused("alert-resolve", (client) => client.delete(remediationRequests, at, { uid: "u" })),
      refused("remediation-expire", (client) => client.delete(machines, at, { uid: "u" })),
      refused("hub", (client) => client.delete(machines, at, { uid: "u" })),
      refused("hub", (client) => client.delete(secrets, at, { uid: "u" })),
      refused("hub", (client) => client.create(secrets, secret)),
      refused("hub", (client) =>
        client.create(remediationRequests, { ...secret, kind: "RemediationRequest" }),
      ),
      refused("hub", (client) => client.get(namespaces, { name: "default" })),
    ]),
  ).toEqual(Array.from({ length: 14 }, () => "forbidden"));
});
