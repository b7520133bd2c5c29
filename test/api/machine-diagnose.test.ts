import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import * as z from "zod";
import { startRunningOperator } from "#cli/operator/operator.ts";
import { memoryLedger } from "#events/sources/memory-ledger.ts";
import { sshSecretName } from "#functions/cluster-api/node-access.ts";
import { STUCK_AFTER_MS } from "#functions/harvester/machine-diagnose/stuck.ts";
import { readDiagnosis } from "#platform/cluster-api/diagnosis.ts";
import { events, harvesterMachines, machines, secrets } from "#platform/kube/resources.ts";
import { createLog } from "#platform/observability/log.ts";
import { systemClock, type Clock } from "#platform/process/clock.ts";
import { machineView } from "#test/chaos/readings.ts";
import { sharedStage } from "#test/chaos/shared-stage.ts";
import { openTheatre, type Theatre } from "#test/chaos/theatre.ts";
import { openPlay, type Play } from "#test/chaos/trial.ts";
import { capfn, endCapfn } from "#test/support/command-line.ts";
import { kubeconfigOf, sharedManagement } from "#test/support/control-planes.ts";
import { sshPackages, sshUser, startSshServer, type SshServer } from "#test/support/ssh-server.ts";

const TOKEN = "abcdef.0123456789abcdef";
const PASSWORD = "Winter-in-Linz-77";
const bootstrap = `#cloud-config
chpasswd: {list: "root:${PASSWORD}"}
runcmd:
- kubeadm join --token ${TOKEN} --config /run/kubeadm/kubeadm-join-config.yaml
`;
const status = `status: error
extended_status: error - done
detail: DataSourceNoCloud
errors:
\t- ('scripts-user', RuntimeError('Runparts: 1 failures (runcmd) in 1 attempted commands'))
recoverable_errors: {}
`;
const log = `half a line ${PASSWORD}
+ kubeadm join --token ${TOKEN}
root password is ${PASSWORD}
error execution phase preflight: couldn't validate the token ${TOKEN}: timed out waiting for the condition
Cloud-init v. 24.1 finished
`;

let theatre: Theatre;
beforeAll(async () => {
  theatre = await openTheatre(sharedStage(), undefined, { silentAgents: { name: /silent/ } });
});
afterAll(async () => {
  endCapfn();
  await theatre[Symbol.asyncDispose]();
});

/** The operator as it is some minutes from now: machines made a moment ago are old for it. */
function later(ms: number): Clock {
  const clock = systemClock();
  return { ...clock, now: () => clock.now() + ms };
}

async function operatorFor({ names }: Play, clock: Clock) {
  const running = await startRunningOperator({
    management: theatre.stage.M.config("capfn"),
    clock,
    random: Math.random,
    log: createLog("silent", clock),
    shard: { namespaces: [names.namespace] },
    ledger: () => memoryLedger(),
    dispatch: true,
    requestsPerSecond: 100,
  });
  return { [Symbol.asyncDispose]: () => running.stop(), running };
}

const own = async ({ names }: Play, machine: string) =>
  theatre.clients.M.get(harvesterMachines, { namespace: names.namespace, name: names.machine(machine) });

/** A machine that has come up, with an operator that is gone again; nobody plays the part that gives its Machine a Node. */
async function provisionedWith(play: Play, options: Parameters<Play["actor"]["createMachine"]>[1] = {}) {
  await using _young = await operatorFor(play, systemClock());
  await play.actor.createMachine("m1", options);
  await play.actor.provisioned("m1");
}

/** A machine whose guest runs, with an operator that is gone again. */
async function runningGuest(play: Play, machine: string) {
  await using _young = await operatorFor(play, systemClock());
  await play.actor.createMachine(machine);
  const instance = z.looseObject({ status: z.looseObject({ phase: z.literal("Running") }) });
  const isRunning = () =>
    play.history
      .all("H", "virtualmachineinstances")
      .some((vmi) => vmi.metadata.name === play.names.machine(machine) && instance.safeParse(vmi).success);
  await play.actor.until("the guest runs", isRunning);
}

async function diagnosed(play: Play, machine: string, reason: string) {
  const found = () => machineView(play.history, play.names, machine).condition("Diagnosed");
  await vi.waitFor(() => expect(found()).toMatchObject({ status: "True", reason }), {
    timeout: 90_000,
    interval: 100,
  });
  return found();
}

async function stuckEvents({ names }: Play): Promise<string[]> {
  const found: string[] = [];
  const eventSchema = z.looseObject({ reason: z.string(), message: z.string() });
  for await (const object of theatre.clients.M.list(events, { namespace: names.namespace })) {
    const { reason, message } = eventSchema.parse(object);
    if (reason === "MachineStuck") found.push(message);
  }
  return found;
}

function sshSecret({ names }: Play, server: SshServer) {
  return {
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name: sshSecretName(names.cluster), namespace: names.namespace },
    type: "kubernetes.io/ssh-auth",
    stringData: {
      "ssh-privatekey": server.privateKey,
      username: sshUser,
      known_hosts: server.knownHosts,
      port: String(server.port),
    },
  };
}

test("a guest that never reports an address is told once, whatever changes afterwards", async () => {
  await using play = openPlay(theatre, { functions: [], seed: 1 });
  await play.actor.prepare([]);
  await runningGuest(play, "silent");
  await using operator = await operatorFor(play, later(STUCK_AFTER_MS + 60_000));
  await diagnosed(play, "silent", "NoAddress");
  const first = await own(play, "silent");
  const { names } = play;
  await theatre.clients.M.mergePatch(
    machines,
    { namespace: names.namespace, name: names.machine("silent") },
    { metadata: { labels: { touched: "yes" } } },
  );
  await vi.waitFor(() => expect(operator.running.operator.hub.idle).toBe(true), { timeout: 30_000 });
  const noted = (object: typeof first) =>
    readDiagnosis(object?.metadata.annotations?.["capfn.dev/diagnosis"]);
  expect(noted(await own(play, "silent"))).toEqual(noted(first));
  expect(await stuckEvents(play)).toHaveLength(1);
});

test("nothing is diagnosed of a machine that has had no time yet, or whose Node has joined", async () => {
  await using play = openPlay(theatre, { functions: [], seed: 1 });
  await play.actor.prepare([]);
  const { names } = play;
  await provisionedWith(play);
  await theatre.clients.M.mergePatch(
    machines,
    { namespace: names.namespace, name: names.machine("m1") },
    { status: { nodeRef: { name: names.machine("m1") } } },
    { subresource: "status" },
  );
  await using old = await operatorFor(play, later(STUCK_AFTER_MS + 60_000));
  await vi.waitFor(() => expect(old.running.operator.ready() && old.running.operator.hub.idle).toBe(true), {
    timeout: 30_000,
  });
  expect((await own(play, "m1"))?.metadata.annotations).not.toHaveProperty(["capfn.dev/diagnosis"]);
  expect(await stuckEvents(play)).toEqual([]);
});

test("a first boot that failed is told over SSH, live and on the machine, with nothing of its bootstrap data", async (context) => {
  const packages = await sshPackages();
  if ("missing" in packages) return context.skip(packages.missing);
  await using server = await startSshServer({
    programs: {
      "cloud-init": `#!/bin/sh\ncat <<'END'\n${status}END\nexit 1\n`,
      tail: `#!/bin/sh\ncat <<'END'\n${log}END\n`,
    },
  });
  await using play = openPlay(theatre, { functions: [], seed: 1 });
  await play.actor.prepare([]);
  const { names } = play;
  await theatre.clients.M.create(secrets, sshSecret(play, server));
  await provisionedWith(play, {
    bootstrap,
    spec: { networkConfig: { address: server.address, gateway: "127.0.0.1", subnetMask: "255.0.0.0" } },
  });
  await using _operator = await operatorFor(play, later(STUCK_AFTER_MS + 60_000));
  const condition = await diagnosed(play, "m1", "GuestBootFailed");
  expect(condition?.message).toContain("cloud-init of the guest says error: ('scripts-user', RuntimeError");
  expect(condition?.message).toContain("timed out waiting for the condition");

  const directory = await mkdtemp(join(tmpdir(), "capfn-diagnose-"));
  try {
    const kubeconfig = join(directory, "kubeconfig");
    await writeFile(kubeconfig, kubeconfigOf(sharedManagement(), "capfn"), { mode: 0o600 });
    const flags = [
      "diagnose",
      `machine/${names.namespace}/${names.machine("m1")}`,
      "--kubeconfig",
      kubeconfig,
    ];
    const [plain, json] = [await capfn(...flags), await capfn(...flags, "--json")];
    expect(plain).toMatchObject({ code: 0, stderr: "" });
    expect(plain.stdout).toContain("GuestBootFailed: cloud-init of the guest says error");
    const live = z.looseObject({ reason: z.string(), message: z.string() }).parse(JSON.parse(json.stdout));
    expect(live).toMatchObject({ reason: "GuestBootFailed", message: condition?.message });
    const shown = JSON.stringify([await own(play, "m1"), await stuckEvents(play), plain, json]);
    for (const secret of [TOKEN, PASSWORD, "0123456789abcdef"]) expect(shown).not.toContain(secret);
    const missing = await capfn("diagnose", `machine/${names.namespace}/nobody`, "--kubeconfig", kubeconfig);
    expect(missing).toMatchObject({ code: 1, stdout: "" });
    expect(missing.stderr).toContain(`no machine ${names.namespace}/nobody`);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}, 400_000);

test("a guest that does not let anybody in is a finding, no fault", async (context) => {
  const packages = await sshPackages();
  if ("missing" in packages) return context.skip(packages.missing);
  await using server = await startSshServer();
  await using play = openPlay(theatre, { functions: [], seed: 1 });
  await play.actor.prepare([]);
  const secret = sshSecret(play, server);
  await server.changeHostKey();
  await theatre.clients.M.create(secrets, secret);
  await provisionedWith(play, {
    bootstrap,
    spec: { networkConfig: { address: server.address, gateway: "127.0.0.1", subnetMask: "255.0.0.0" } },
  });
  await using _operator = await operatorFor(play, later(STUCK_AFTER_MS + 60_000));
  const condition = await diagnosed(play, "m1", "NodeNotJoined");
  expect(condition?.message).toContain("the guest was not asked: SSH to");
});
