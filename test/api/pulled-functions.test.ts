import { createServer } from "node:http";
import * as https from "node:https";
import type { AddressInfo } from "node:net";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
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

/** A process that takes work, of all functions unless some are named, and watches nothing. */
function pod(...args: string[]): RunningCommand {
  return podVia("kubeconfig", ...args);
}

function podVia(kubeconfig: string, ...args: string[]): RunningCommand {
  const files = ["--pull-token-file", join(directory, "token"), "--kubeconfig", join(directory, kubeconfig)];
  return startCapfn("serve", "--pull-from", url, "--bind-address", "0", ...files, ...args);
}

/** The management API server, at an address whose answers the test may hold back. */
async function heldApi(isHeld: (method: string, path: string) => boolean) {
  const plane = sharedManagement();
  const held = Promise.withResolvers<void>();
  const release = Promise.withResolvers<void>();
  const writes: string[] = [];
  const proxy = createServer((request, response) => {
    const { method = "", url: path = "", headers } = request;
    if (method !== "GET") writes.push(`${method} ${path}`);
    const onward = https.request(
      new URL(path, plane.server),
      { method, headers, ca: plane.caPem },
      (answer) => {
        const pass = () => {
          response.writeHead(answer.statusCode ?? 502, answer.headers);
          answer.pipe(response);
        };
        if (!isHeld(method, path)) return pass();
        held.resolve();
        void release.promise.then(pass);
      },
    );
    onward.on("error", () => response.destroy());
    request.pipe(onward);
  });
  await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => proxy.close().closeAllConnections());
  const address = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
  const text = kubeconfigOf(plane, "capfn").replaceAll(plane.server, address);
  await writeFile(join(directory, "held"), text, { mode: 0o600 });
  return { held: held.promise, release: release.resolve, writes };
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

test(
  "a pod that is stopped in the middle of its step and goes on when its lease is over writes nothing, and another has done the step",
  { timeout: 300_000 },
  async () => {
    await using play = stage.open(undefined, runner);
    const { actor, lives, names, history } = play;
    // The step reads the bootstrap data before it writes anything.
    const api = await heldApi((method, path) => method === "GET" && /\/secrets\/.*bootstrap/.test(path));
    const others = allFunctions.map(({ name }) => name).filter((name) => name !== "vm-create");
    pod(...others, "--concurrency", "4");
    const stopped = podVia("held", "vm-create");
    await actor.prepare([["pool", 10, 20]], { cluster: fromPools(names, "pool") });
    await lives.start();
    await actor.createMachine("m1");
    await api.held;
    const before = [...api.writes];
    stopped.process.kill("SIGSTOP");
    api.release();
    const expired = () => events.some((event) => event.kind === "expired" && event.function === "vm-create");
    await expect.poll(expired, { timeout: 60_000, interval: 100 }).toBe(true);
    const second = pod("vm-create");
    await actor.provisioned("m1");

    const late = () => events.filter(({ kind }) => kind === "late").length;
    const lateBefore = late();
    stopped.process.kill("SIGCONT");
    await expect.poll(late, { timeout: 60_000, interval: 100 }).toBe(lateBefore + 1);
    expect(api.writes).toEqual(before);
    const vms = history.all("H", "virtualmachines").map(({ metadata }) => metadata.name);
    expect(vms.filter((name) => !name.endsWith("-other"))).toHaveLength(1);
    for (const { process } of [stopped, second]) process.kill("SIGTERM");
    expect((await Promise.all([stopped.ended, second.ended])).map(({ code }) => code)).toEqual([0, 0]);
    await actor.deleteMachine("m1");
    await actor.gone("m1");
    await play.rest();
    expectSound(play);
  },
);
