import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import * as z from "zod";
import { startServers } from "#cli/http/servers.ts";
import { tracedStepSchema } from "#cli/operator/trace-answer.ts";
import { defaultPolicy } from "#events/hub/policy.ts";
import { NOTE_ANNOTATION } from "#events/hub/projection.ts";
import { SKIP_ANNOTATION } from "#events/hub/persons-word.ts";
import { TraceMemory } from "#events/hub/trace-memory.ts";
import type { Operator } from "#events/start.ts";
import { defineFunction } from "#functions/contract/define.ts";
import { done, failed } from "#functions/contract/outcome.ts";
import { relations } from "#functions/contract/relations.ts";
import { harvesterMachineView } from "#platform/cluster-api/harvester-machine.ts";
import { isMarkedCertificate, secretView } from "#platform/cluster-api/secret.ts";
import { harvesterMachines, secrets } from "#platform/kube/resources.ts";
import { createMetrics } from "#platform/observability/metrics.ts";
import { systemClock } from "#platform/process/clock.ts";
import { machineSpec } from "#test/support/cluster-objects.ts";
import { capfn, endCapfn, type Ended } from "#test/support/command-line.ts";
import { clientOf, kubeconfigOf, newNamespace, sharedManagement } from "#test/support/control-planes.ts";
import { commandLines, readPage, words } from "#test/support/documentation.ts";
import { operatorWith } from "#test/support/operator-with.ts";

const clock = systemClock();
const admin = clientOf(sharedManagement());
const capfnClient = clientOf(sharedManagement(), "capfn");
const stack = new AsyncDisposableStack();
let kubeconfig = "";
let namespace = "";
let hubUrl = "";
let operator: Operator;

/** What the step does: nothing helps, it fails, or it writes and is done. */
let world: "broken" | "faulty" | "sound" = "broken";
let tries = 0;

/** A step that can be broken from outside, under the name of one of the product's. */
const step = defineFunction({
  name: "vm-create",
  summary: "Gives the machine an answer",
  on: ["dev.capfn.machine.changed"],
  for: harvesterMachineView,
  related: relations(harvesterMachineView),
  needs: ({ object }) => object.spec.providerID !== `harvester://${object.spec.cpu}`,
  inputs: ({ object }) => object.spec.cpu,
  condition: "VMProvisioningReady",
  rbac: [],
  uses: ["management"],
  handle: async ({ object }, deps) => {
    tries += 1;
    if (world === "broken") return failed("VMProvisioningFailed", "the rack is not wired; wire it");
    if (world === "faulty") throw new TypeError("no");
    await deps.management.mergePatch(harvesterMachines, object.meta, {
      metadata: { resourceVersion: object.meta.resourceVersion },
      spec: { providerID: `harvester://${object.spec.cpu}` },
    });
    return done();
  },
});

/** Woken by what the other one wrote. */
const follow = defineFunction({
  name: "node-init",
  summary: "Follows what vm-create has written",
  on: ["dev.capfn.machine.changed"],
  for: harvesterMachineView,
  related: relations(harvesterMachineView),
  needs: ({ object }) => object.spec.providerID !== undefined,
  inputs: ({ object }) => object.spec.providerID,
  condition: "NodeInitialized",
  rbac: [],
  uses: ["management"],
  handle: () => Promise.resolve(done()),
});

/** A Secret has no status and is watched without its content: its park is on the object like any other. */
const ofSecrets = defineFunction({
  name: "tls-reissue",
  summary: "Looks at a marked Secret",
  on: ["dev.capfn.secret.changed"],
  for: secretView,
  related: relations(secretView),
  needs: ({ object }) => isMarkedCertificate(object.metadata.annotations ?? {}),
  inputs: ({ object }) => object.metadata.annotations?.["capfn.dev/watch-certificate"],
  condition: "CertificateValid",
  rbac: [],
  uses: ["management"],
  handle: () => {
    looks += 1;
    return Promise.resolve(
      world === "sound" ? done() : failed("CertificateNotServed", "nobody serves it; restart what does"),
    );
  },
});
let looks = 0;

beforeAll(async () => {
  const directory = await mkdtemp(join(tmpdir(), "capfn-parked-"));
  stack.defer(() => rm(directory, { recursive: true, force: true }));
  kubeconfig = join(directory, "kubeconfig");
  await writeFile(kubeconfig, kubeconfigOf(sharedManagement(), "admin"), { mode: 0o600 });
  namespace = await newNamespace(admin, "parked");
  const trace = new TraceMemory(clock);
  operator = await operatorWith({
    management: capfnClient,
    functions: [step, follow, ofSecrets],
    namespace,
    policy: { ...defaultPolicy, backoff: { ...defaultPolicy.backoff, firstMs: 1, longestMs: 20 } },
    connect: () => expect.fail(),
    observe: (event) => trace.record(event),
  });
  stack.defer(() => operator.stop(0));
  const metrics = createMetrics(() => expect.fail());
  const servers = await startServers({
    metricsAddress: undefined,
    metricsProtection: undefined,
    healthAddress: { host: "127.0.0.1", port: 0 },
    role: () => "leads",
    running: () => ({ operator, metrics, trace }),
  });
  stack.defer(() => servers.close());
  [hubUrl = ""] = servers.addresses;
});

afterAll(async () => {
  endCapfn();
  await stack.disposeAsync();
  for (const client of [admin, capfnClient]) client.close();
});

async function newMachine(name: string): Promise<void> {
  await admin.create(harvesterMachines, {
    apiVersion: "infrastructure.cluster.x-k8s.io/v1beta1",
    kind: "HarvesterMachine",
    metadata: { name, namespace },
    spec: { ...machineSpec, cpu: 1 },
  });
}

async function annotation(name: string, of: string): Promise<string | undefined> {
  const machine = await admin.get(harvesterMachines, { namespace, name });
  return machine?.metadata.annotations?.[of];
}

const run = (...args: string[]): Promise<Ended> => capfn(...args, "--kubeconfig", kubeconfig);

/** Runs a command that must succeed; what it printed. */
async function answer(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await run(...args);
  expect({ code, stderr }).toMatchObject({ code: 0 });
  return stdout;
}

const until = (what: string, holds: () => Promise<boolean>) =>
  expect.poll(holds, { timeout: 20_000, interval: 50, message: what }).toBe(true);

const isParked = (name: string) => async () =>
  (await annotation(name, NOTE_ANNOTATION))?.includes('"parked"') === true;

describe("parked work", () => {
  it("is listed, tried again, left alone and tried again, by the commands of the page", async () => {
    world = "faulty";
    await newMachine("worker-1");
    await until("worker-1 is parked", isParked("worker-1"));
    const page = readPage("docs/tasks/parked-work.md");
    const lines = commandLines(page)
      .filter((line) => line.startsWith("capfn ") && line.includes(" "))
      .map((line) =>
        words(line)
          .slice(1)
          .map((word) => word.replace(/\bdemo\b/, namespace)),
      )
      .filter((args) => args.length > 1 || args[0] === "parked");
    const of = (command: string) => lines.filter(([name]) => name === command);
    expect(lines.map(([name]) => name)).toEqual(
      expect.arrayContaining(["parked", "replay", "skip", "trace"]),
    );

    const listed = await answer("parked", "-n", namespace);
    const shown = page.examples.find(({ text }) => text.startsWith("OBJECT"))?.text ?? "";
    const [header = "", , ...todo] = listed.trimEnd().split("\n");
    expect(header.split(/ +/)).toEqual(shown.split("\n")[0]?.split(/ +/));
    expect(todo.join("\n").replaceAll(namespace, "demo")).toBe(shown.split("\n").slice(2).join("\n"));
    const json: unknown = JSON.parse(
      await answer(...(of("parked").find((args) => args.includes("--json")) ?? [])),
    );
    expect(json).toMatchObject([
      { object: `machine/${namespace}/worker-1`, function: "vm-create", state: "parked", attempts: 10 },
    ]);

    const before = tries;
    const [replay = []] = of("replay");
    expect(await answer(...replay)).toContain("is tried again, with a fresh budget");
    await until("the budget is used up again", () => Promise.resolve(tries === before + 10));
    await until("worker-1 is parked again", isParked("worker-1"));

    const [skip = []] = of("skip");
    expect(await answer(...skip)).toContain("until its spec changes");
    expect(JSON.parse((await annotation("worker-1", SKIP_ANNOTATION)) ?? "")).toMatchObject({
      "vm-create": { by: "admin", reason: "no GPU host before May" },
    });
    expect(await answer("parked", "-n", namespace)).toMatch(/vm-create +skipped .* admin\n/);
    await until("it counts no more", () => Promise.resolve(operator.hub.figures().parked === 0));

    world = "sound";
    for (const args of of("replay")) await answer(...args);
    await until("nothing is on the object any more", async () => {
      const left = [NOTE_ANNOTATION, SKIP_ANNOTATION].map((of_) => annotation("worker-1", of_));
      return (await Promise.all(left)).every((text) => text === undefined);
    });
    expect(await answer(...replay)).toContain("nothing of machine");
    expect(await answer("parked", "-n", namespace)).toBe(`nothing is parked in namespace ${namespace}\n`);

    const trace = of("trace").find((args) => args.length === 2) ?? [];
    const timeline = await answer(...trace, "--hub", hubUrl);
    expect(timeline.split("\n")[0]).toMatch(/^TIME +WHAT +OUTCOME +TOOK +BECAUSE OF +WROTE$/);
    expect(timeline).toContain("Event AttemptsExhausted");
    const traced = z
      .object({ steps: z.array(tracedStepSchema), events: z.array(z.unknown()) })
      .parse(JSON.parse(await answer(...trace, "--json", "--hub", hubUrl)));
    const wrote = traced.steps.findLast((each) => each.function === "vm-create");
    expect(wrote?.writes).toMatchObject([{ verb: "patch", resource: "harvestermachines", name: "worker-1" }]);
    expect(traced.steps.findLast((each) => each.function === "node-init")?.causedBy).toBe(wrote?.id);
  });

  it("about a Secret is listed and tried again like any other, and its content stays as it is", async () => {
    world = "broken";
    const at = { namespace, name: "web-tls" };
    await admin.create(secrets, {
      apiVersion: "v1",
      kind: "Secret",
      metadata: { ...at, annotations: { "capfn.dev/watch-certificate": "true" } },
      data: { "tls.crt": "bm9uZQ==" },
    });
    const note = async () => (await admin.get(secrets, at))?.metadata.annotations?.[NOTE_ANNOTATION];
    await until("web-tls is parked", async () => (await note())?.includes('"parked"') === true);
    const secret = `secret/${namespace}/web-tls`;
    expect(await answer("parked", "-n", namespace)).toContain(
      `capfn replay ${secret} --function tls-reissue`,
    );
    expect(looks).toBe(1);
    expect(await answer("replay", secret)).toContain(`tls-reissue of ${secret} is tried again`);
    await until("it is looked at again, and parked again", async () => looks === 2);
    await until("web-tls is parked again", async () => (await note())?.includes('"parked"') === true);
    world = "sound";
    await answer("replay", secret);
    await until("nothing is held against it", async () => looks === 3 && (await note()) === undefined);
    expect((await admin.get(secrets, at))?.["data"]).toEqual({ "tls.crt": "bm9uZQ==" });
  });

  it("that is skipped is tried again when the spec changes", async () => {
    world = "broken";
    await newMachine("patient");
    await until("patient is parked", isParked("patient"));
    const before = tries;
    const machine = `machine/${namespace}/patient`;
    await answer("skip", machine, "--function", "vm-create", "--reason", "no room");
    const why = await answer("why", machine, "--hub", hubUrl);
    expect(why).toContain("skipped by admin until the spec changes (no room); parked (VMProvisioningFailed)");
    await admin.mergePatch(
      harvesterMachines,
      { namespace, name: "patient" },
      { metadata: { labels: { a: "b" } } },
    );
    expect(tries).toBe(before);
    world = "sound";
    await admin.mergePatch(harvesterMachines, { namespace, name: "patient" }, { spec: { cpu: 2 } });
    await until("it is tried", () => Promise.resolve(tries === before + 1));
    expect(await answer("parked", "-n", namespace)).toContain("nothing is parked");
  });

  it("replayed while no hub looks is told so, and nothing is written twice", async () => {
    const elsewhere = await newNamespace(admin, "nohub");
    await admin.create(harvesterMachines, {
      apiVersion: "infrastructure.cluster.x-k8s.io/v1beta1",
      kind: "HarvesterMachine",
      metadata: {
        name: "alone",
        namespace: elsewhere,
        annotations: {
          [NOTE_ANNOTATION]: JSON.stringify({
            "vm-create": { faults: 10, since: 1, parked: { hash: "h", reason: "R", message: "m" } },
          }),
        },
      },
      spec: machineSpec,
    });
    await answer("replay", "machine/alone", "-n", elsewhere);
    const once = await admin.get(harvesterMachines, { namespace: elsewhere, name: "alone" });
    expect(await answer("replay", "machine/alone", "-n", elsewhere)).toContain(
      "if nothing happens, no hub runs",
    );
    const twice = await admin.get(harvesterMachines, { namespace: elsewhere, name: "alone" });
    expect(twice?.metadata.resourceVersion).toBe(once?.metadata.resourceVersion);
  });
});

describe("the commands refuse", () => {
  const refused = async (...args: string[]) => {
    const { code, stderr } = await run(...args);
    expect(code).toBe(1);
    return stderr;
  };

  it("to skip what a deletion consists of, and name the way out", async () => {
    const machine = `machine/${namespace}/doomed`;
    await newMachine("doomed");
    const why = ["--reason", "no"];
    for (const fn of ["vm-delete", "ip-release"]) {
      const said = await refused("skip", machine, "--function", fn, ...why);
      expect(said).toContain("a finalizer protects");
      expect(said).toContain("capfn.dev/abandon-external=");
    }
    await admin.mergePatch(
      harvesterMachines,
      { namespace, name: "doomed" },
      { metadata: { finalizers: ["example.com/hold"] } },
    );
    const { uid } = (await admin.get(harvesterMachines, { namespace, name: "doomed" }))!.metadata;
    await admin.delete(harvesterMachines, { namespace, name: "doomed" }, { uid });
    expect(await refused("skip", machine, "--function", "vm-create", ...why)).toContain("is being deleted");
    expect(await annotation("doomed", SKIP_ANNOTATION)).toBeUndefined();
    await admin.mergePatch(
      harvesterMachines,
      { namespace, name: "doomed" },
      { metadata: { finalizers: [] } },
    );
  });

  it("names that do not exist, and say which do", async () => {
    const machine = `machine/${namespace}/nobody`;
    expect(await refused("replay", machine)).toContain(`kubectl get harvestermachines -n ${namespace}`);
    expect(await refused("replay", machine, "--function", "vm-crate")).toMatch(
      /there are: ip-allocate, .*\bvm-create\b/,
    );
    expect(await refused("skip", machine, "--function", "vm-create", "--reason", " ")).toContain(
      "--reason is blank",
    );
    expect(await refused("replay", "pod/x")).toContain("write <kind>/<name>");
  });

  it("nothing when no hub answers: the Kubernetes Events are shown, and how to reach the hub", async () => {
    const { code, stderr } = await run(
      "trace",
      `machine/${namespace}/worker-1`,
      "--hub",
      "http://127.0.0.1:1",
    );
    expect(code).toBe(0);
    expect(stderr).toContain("port-forward");
  });
});
