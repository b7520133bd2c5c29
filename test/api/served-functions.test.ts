import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { version } from "#cli/version.ts";
import { httpRunner } from "#events/transport/http-runner.ts";
import { freePorts } from "#platform/control-plane/free-ports.ts";
import { systemClock } from "#platform/process/clock.ts";
import { fromPools } from "#test/chaos/manifests.ts";
import type { Play } from "#test/chaos/trial.ts";
import { expectSound, faultStage, leftOnHarvester } from "#test/api/faults/stage.ts";
import { capfn, endCapfn, startCapfn, type RunningCommand } from "#test/support/command-line.ts";
import { kubeconfigOf, sharedManagement } from "#test/support/control-planes.ts";

const stage = faultStage();
const TOKEN = "a-token-of-this-test";
let directory = "";
let address = "";

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "capfn-served-"));
  await writeFile(join(directory, "kubeconfig"), kubeconfigOf(sharedManagement(), "capfn"), { mode: 0o600 });
  await writeFile(join(directory, "token"), `${TOKEN}\n`, { mode: 0o600 });
  const [port] = await freePorts(1);
  address = `127.0.0.1:${port}`;
});

afterAll(async () => {
  endCapfn();
  await rm(directory, { recursive: true, force: true });
});

/** All functions in a process of their own, that watches nothing. */
async function serving(): Promise<RunningCommand> {
  const token = ["--token-file", join(directory, "token")];
  const kubeconfig = ["--kubeconfig", join(directory, "kubeconfig")];
  const functions = startCapfn("serve", "--bind-address", address, ...kubeconfig, ...token);
  await functions.line(/functions are served/);
  return functions;
}

/** A hub that runs no handler itself. */
function hub(): Play {
  return stage.open(
    undefined,
    httpRunner({
      urlOf: (name) => `http://${address}/${name}`,
      tokenOf: () => Promise.resolve(TOKEN),
      version,
      clock: systemClock(),
    }),
  );
}

test(
  "a machine comes and goes by functions in another process, which may die and come back meanwhile",
  { timeout: 300_000 },
  async () => {
    await using play = hub();
    const { actor, lives, names, history } = play;
    let functions = await serving();
    await actor.prepare([["pool", 10, 20]], { cluster: fromPools(names, "pool") });
    await lives.start();
    await actor.createMachine("m1");
    await actor.provisioned("m1");

    functions.process.kill("SIGKILL");
    await functions.ended;
    await actor.createMachine("m2");
    const before = lives.operator?.hub.figures();
    functions = await serving();
    await actor.provisioned("m2");
    expect(before?.parked).toBe(0);
    const vms = history.all("H", "virtualmachines").map(({ metadata }) => metadata.name);
    expect(vms.filter((name) => !name.endsWith("-other"))).toHaveLength(2);

    await Promise.all([actor.deleteMachine("m1"), actor.deleteMachine("m2")]);
    await actor.gone("m1", "m2");
    await play.rest();
    expect(leftOnHarvester(play)).toEqual([]);
    expectSound(play);
    functions.process.kill("SIGTERM");
    const { code, stderr } = await functions.ended;
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

test("capfn serve says what is wrong with its flags", async () => {
  const wrong: readonly (readonly [string[], RegExp])[] = [
    [["vm-crate"], /no function "vm-crate"; there are: .*vm-create/],
    [["--bind-address", ":0"], /--bind-address: whoever reaches this address could run steps/],
    [["--token-audience", "capfn-functions"], /--token-audience: any account could run steps; say who may/],
    [["--token-user", "system:admin"], /--token-user: needs --token-audience/],
    [["--token-audience", "a", "--token-user", "b", "--token-file", "c"], /use one of them/],
    [["--bind-address", "0"], /--bind-address: 0 serves nothing/],
    [["--token-file", join(directory, "none")], /none: holds no token/],
  ];
  for (const [flags, message] of wrong) {
    const { code, stderr } = await capfn("serve", ...flags);
    expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringMatching(message) });
  }
  const { stderr } = await capfn("run", "--functions-url", "http://localhost:8080");
  expect(stderr).toMatch(/--functions-url: .* is no URL with \{function\} in it/);
});
