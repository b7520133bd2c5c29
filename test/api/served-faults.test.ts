import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, request as send, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { allFunctions } from "#cli/functions.ts";
import { version } from "#cli/version.ts";
import { httpRunner } from "#events/transport/http-runner.ts";
import { RunnerFault, type Runner } from "#events/transport/runner.ts";
import { freePorts } from "#platform/control-plane/free-ports.ts";
import { renderKubeconfig } from "#platform/control-plane/kubeconfig.ts";
import { systemClock } from "#platform/process/clock.ts";
import type { ApiCall } from "#platform/simulator/faults.ts";
import { startFaultProxy, type FaultProxy } from "#platform/simulator/fault-proxy.ts";
import { fromPools } from "#test/chaos/manifests.ts";
import { sharedStage } from "#test/chaos/shared-stage.ts";
import { openTheatre, type Theatre } from "#test/chaos/theatre.ts";
import { openPlay, type Play } from "#test/chaos/trial.ts";
import { expectSound, leftOnHarvester, machineNow } from "#test/api/faults/stage.ts";
import { endCapfn, startCapfn, type RunningCommand } from "#test/support/command-line.ts";
import { sharedHarvester, sharedManagement, type SharedControlPlane } from "#test/support/control-planes.ts";

const clock = systemClock();
/** Called with every call of the functions' process that arrives, and with every one that was carried out; awaited. */
let onCall: (call: ApiCall, api: "M" | "H") => Promise<void> = async () => undefined;
let onAnswer: (call: ApiCall, api: "M" | "H") => Promise<void> = async () => undefined;
let directory = "";
let address = "";
let theatre: Theatre;
let functions: RunningCommand;
let undo: AsyncDisposableStack | undefined;

beforeAll(async () => {
  await using stack = new AsyncDisposableStack();
  directory = await mkdtemp(join(tmpdir(), "capfn-served-faults-"));
  stack.defer(() => rm(directory, { recursive: true, force: true }));
  const proxied = async (plane: SharedControlPlane, api: "M" | "H") => {
    const proxy: FaultProxy = stack.use(
      await startFaultProxy({
        upstream: plane,
        clock,
        onCall: (call) => onCall(call, api),
        onAnswer: (call) => onAnswer(call, api),
      }),
    );
    const { server, caPem } = proxy;
    return renderKubeconfig({ name: plane.name, server, caPem, user: "capfn", token: plane.tokens.capfn });
  };
  const kubeconfig = await proxied(sharedManagement(), "M");
  await writeFile(join(directory, "kubeconfig"), kubeconfig, { mode: 0o600 });
  const stage = sharedStage();
  const H = { ...stage.H, kubeconfig: await proxied(sharedHarvester(), "H") };
  theatre = stack.use(await openTheatre({ ...stage, H }));
  const [port] = await freePorts(1);
  address = `127.0.0.1:${port}`;
  stack.defer(() => endCapfn());
  await startFunctions();
  undo = stack.move();
}, 300_000);

afterAll(() => undo?.disposeAsync());

/** All functions in a process of their own. */
async function startFunctions(): Promise<void> {
  functions = startCapfn("serve", "--bind-address", address, "--kubeconfig", join(directory, "kubeconfig"));
  await functions.line(/functions are served/);
}

/** Ends the functions' process in the middle of what it does. */
async function kill(): Promise<void> {
  functions.process.kill("SIGKILL");
  await functions.ended;
}

function over(url: string): Runner {
  const urlOf = (name: string) => `${url}/${name}`;
  return httpRunner({ urlOf, tokenOf: () => Promise.resolve(undefined), version, clock });
}

/** A hub that runs no handler itself. */
function hub(runner = over(`http://${address}`)): Play {
  return openPlay(theatre, { functions: allFunctions, seed: 1, runner });
}

function isCreated(call: ApiCall, { names }: Play): boolean {
  return call.verb === "create" && call.resource === "virtualmachines" && call.name.startsWith(names.id);
}

/** The machine is there once, nothing is left over, and no object was blamed for what went wrong on the way. */
async function comesAndGoes(play: Play, machine: string): Promise<void> {
  const { actor, lives, history } = play;
  await actor.provisioned(machine);
  const vms = history.all("H", "virtualmachines").map(({ metadata }) => metadata.name);
  expect(vms.filter((name) => name.startsWith(play.names.id) && !name.endsWith("-other"))).toHaveLength(1);
  expect(lives.operator?.hub.figures().parked).toBe(0);
  expect((await machineNow(play, machine))?.metadata.annotations ?? {}).not.toHaveProperty(
    "capfn.dev/attempts",
  );
  await actor.deleteMachine(machine);
  await actor.gone(machine);
  await play.rest();
  expect(leftOnHarvester(play)).toEqual([]);
  expectSound(play);
}

test.each([
  ["before its write of the VM", "call", "H"],
  ["after its write of the VM", "answer", "H"],
  ["before its first write of status", "call", "M"],
  ["after its first write of status", "answer", "M"],
] as const)(
  "a function whose process dies %s leaves nothing behind and nothing undone",
  { timeout: 300_000 },
  async (_what, when, where) => {
    await using play = hub();
    const { actor, lives, names } = play;
    await actor.prepare([["pool", 10, 20]], { cluster: fromPools(names, "pool") });
    await lives.start();
    const killed = Promise.withResolvers<string>();
    let armed = true;
    const dying = async (call: ApiCall, api: "M" | "H"): Promise<void> => {
      const isStatus = call.resource === "harvestermachines" && call.subresource === "status";
      const meant = where === "H" ? isCreated(call, play) : isStatus && call.namespace === names.namespace;
      if (!armed || api !== where || !meant || call.verb === "get") return;
      armed = false;
      await kill();
      killed.resolve(`${call.verb} ${call.resource}`);
      if (when === "call") throw new Error("nobody waits for it any more");
    };
    if (when === "call") onCall = dying;
    else onAnswer = dying;
    await actor.createMachine("m1");
    await killed.promise;
    [onCall, onAnswer] = [async () => undefined, async () => undefined];
    await startFunctions();
    await comesAndGoes(play, "m1");
  },
);

/** What stands before functions on Knative, at its worst: every second request to a function goes wrong, each time otherwise. */
async function badFront(): Promise<{ url: string; wrong: Map<string, number>; close: () => void }> {
  const wrong = new Map<string, number>();
  const pass = (request: IncomingMessage, answer: ServerResponse, lose: boolean): void => {
    const { method, url: path, headers } = request;
    const [host = "", port = ""] = address.split(":");
    const sent = send({ host, port, method, path, headers }, (response) => {
      if (!lose) {
        answer.writeHead(response.statusCode ?? 502, response.headers);
        response.pipe(answer);
        return;
      }
      response.resume().once("end", () => answer.destroy());
    });
    sent.once("error", () => answer.destroy());
    answer.once("close", () => sent.destroy());
    request.pipe(sent);
  };
  const page = "<html><body>no healthy upstream</body></html>";
  const faults: Record<string, (request: IncomingMessage, answer: ServerResponse) => void> = {
    "502 page": (_request, answer) => answer.writeHead(502, { "content-type": "text/html" }).end(page),
    "503 page": (_request, answer) => answer.writeHead(503, { "retry-after": "1" }).end(page),
    "504 nothing": (_request, answer) => answer.writeHead(504).end(),
    reset: (request) => request.socket.destroy(),
    "answer lost": (request, answer) => pass(request, answer, true),
    "page for an answer": (_request, answer) => answer.writeHead(200).end(page),
    garbage: (_request, answer) => answer.writeHead(200, { "content-type": "application/json" }).end("{}"),
    "cut off": (_request, answer) => {
      answer.writeHead(200, { "content-length": "100" });
      answer.write('{"token":');
      setTimeout(() => answer.destroy(), 5);
    },
  };
  const names = Object.keys(faults);
  const counts = new Map<string, number>();
  let faulty = 0;
  const server = createServer((request, answer) => {
    const path = request.url ?? "";
    const count = (counts.get(path) ?? 0) + 1;
    counts.set(path, count);
    const name = count % 2 === 1 ? names[faulty % names.length] : undefined;
    if (name !== undefined) faulty += 1;
    const fault = name === undefined ? undefined : faults[name];
    if (name === undefined || fault === undefined) return pass(request, answer, false);
    wrong.set(name, (wrong.get(name) ?? 0) + 1);
    fault(request, answer);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const close = () => {
    server.close();
    server.closeAllConnections();
  };
  return { url: `http://127.0.0.1:${port}`, wrong, close };
}

test(
  "a machine comes and goes although every second request to a function goes wrong on the way",
  { timeout: 300_000 },
  async () => {
    const front = await badFront();
    try {
      await using play = hub(over(front.url));
      const { actor, lives, names } = play;
      await actor.prepare([["pool", 10, 20]], { cluster: fromPools(names, "pool") });
      await lives.start();
      await actor.createMachine("m1");
      await comesAndGoes(play, "m1");
      expect(front.wrong.size).toBeGreaterThanOrEqual(6);
    } finally {
      front.close();
    }
  },
);

test(
  "of two hubs that both believe they lead, the older one has nothing written once the newer has asked",
  { timeout: 300_000 },
  async () => {
    await kill();
    await startFunctions();
    const inner = over(`http://${address}`);
    const refused: unknown[] = [];
    const written: string[] = [];
    let newerAsked = false;
    const twice: Runner = {
      run: async (dispatch) => {
        if (dispatch.function.name !== "vm-create" || newerAsked) return inner.run(dispatch);
        newerAsked = true;
        const [epoch = "0"] = dispatch.attempt.token.split(".");
        // The newer hub is asked to be first; then the older one, which has not noticed yet, sends what it had decided on before.
        const newer = { token: `${Number(epoch) + 1}.1`, signal: dispatch.attempt.signal };
        const result = await inner.run({ ...dispatch, attempt: newer });
        written.push(...(result.writes ?? []).map(({ verb, resource }) => `${verb} ${resource}`));
        return inner.run(dispatch).catch((error: unknown) => {
          refused.push(error);
          throw error;
        });
      },
    };
    await using play = hub(twice);
    const { actor, lives, names } = play;
    await actor.prepare([["pool", 10, 20]], { cluster: fromPools(names, "pool") });
    await lives.start();
    await actor.createMachine("m1");
    await expect.poll(() => refused.length, { timeout: 120_000 }).toBeGreaterThan(0);
    expect(refused[0]).toBeInstanceOf(RunnerFault);
    expect((refused[0] as RunnerFault).said).toMatch(/^HTTP 409: a hub that leads since/);
    expect(written).toContain("create virtualmachines");
    // The older one is all there is now; a process that has heard of no other lets it go on.
    await kill();
    await startFunctions();
    await comesAndGoes(play, "m1");
  },
);
