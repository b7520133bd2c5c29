import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { allFunctions } from "#cli/functions.ts";
import { version } from "#cli/version.ts";
import { PullRunner, type PullEvent } from "#events/transport/pull-runner.ts";
import { pullServer } from "#events/transport/pull-server.ts";
import { systemClock } from "#platform/process/clock.ts";
import { fromPools } from "#test/chaos/manifests.ts";
import { expectSound, faultStage, leftOnHarvester } from "#test/api/faults/stage.ts";
import { endCapfn, startCapfn, type RunningCommand } from "#test/support/command-line.ts";
import { kubeconfigOf, sharedManagement } from "#test/support/control-planes.ts";

const stage = faultStage();
const TOKEN = "a-token-of-this-test";
const events: PullEvent[] = [];
const runner = new PullRunner({ clock: systemClock(), observe: (event) => events.push(event) });
const server = pullServer({
  runner,
  functions: allFunctions.map(({ name }) => name),
  version,
  rightsOf: async (token) => (token === TOKEN ? { mayTake: () => true } : "refused"),
  otherVersion: () => undefined,
});
let directory = "";
let url = "";

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "capfn-pulled-"));
  await writeFile(join(directory, "kubeconfig"), kubeconfigOf(sharedManagement(), "capfn"), { mode: 0o600 });
  await writeFile(join(directory, "token"), `${TOKEN}\n`, { mode: 0o600 });
  url = await server.listen({ host: "127.0.0.1", port: 0 });
});

afterAll(async () => {
  endCapfn();
  await server.close();
  await rm(directory, { recursive: true, force: true });
});

/** A process that takes work of all functions, and watches nothing. */
function pod(...flags: string[]): RunningCommand {
  const token = ["--pull-token-file", join(directory, "token")];
  const kubeconfig = ["--kubeconfig", join(directory, "kubeconfig")];
  return startCapfn("serve", "--pull-from", url, "--bind-address", "0", ...kubeconfig, ...token, ...flags);
}

test(
  "a machine comes and goes by pods that come for its steps, of which one may die and none be there meanwhile",
  { timeout: 300_000 },
  async () => {
    await using play = stage.open(undefined, runner);
    const { actor, lives, names, history } = play;
    const pods = [pod(), pod()];
    await actor.prepare([["pool", 10, 20]], { cluster: fromPools(names, "pool") });
    await lives.start();
    await actor.createMachine("m1");
    await actor.provisioned("m1");

    for (const { process } of pods) process.kill("SIGKILL");
    await Promise.all(pods.map(({ ended }) => ended));
    await actor.createMachine("m2");
    const before = lives.operator?.hub.figures();
    const last = pod("--concurrency", "4");
    await actor.provisioned("m2");
    expect(before?.parked).toBe(0);
    const vms = history.all("H", "virtualmachines").map(({ metadata }) => metadata.name);
    expect(vms.filter((name) => !name.endsWith("-other"))).toHaveLength(2);

    await Promise.all([actor.deleteMachine("m1"), actor.deleteMachine("m2")]);
    await actor.gone("m1", "m2");
    await play.rest();
    expect(leftOnHarvester(play)).toEqual([]);
    expectSound(play);
    last.process.kill("SIGTERM");
    const { code, stderr } = await last.ended;
    expect(code).toBe(0);
    const ran = new Set([...stderr.matchAll(/"function":"([a-z-]+)"/g)].map(([, name]) => name));
    expect([...ran]).toEqual(
      expect.arrayContaining([
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
