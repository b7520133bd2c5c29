import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client, credentials, status } from "@grpc/grpc-js";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import * as z from "zod";
import { functionRights } from "#cli/generate/deploy/rights.ts";
import { manifestText } from "#cli/generate/deploy/template.ts";
import { kubeObjectManifests } from "#cli/lab/manifests.ts";
import { version } from "#cli/version.ts";
import { externalScaler } from "#events/transport/keda-protocol.ts";
import { clusterApiCrds } from "#platform/control-plane/cluster-api-core.ts";
import type { ControlPlane } from "#platform/control-plane/control-plane.ts";
import { freePorts } from "#platform/control-plane/free-ports.ts";
import type { KubeClient } from "#platform/kube/client.ts";
import { eventInjections } from "#platform/kube/resources.ts";
import { createKubeClient } from "#platform/kube/rest.ts";
import { systemClock } from "#platform/process/clock.ts";
import { accountToken } from "#test/support/account-token.ts";
import { endCapfn, startCapfn, type RunningCommand } from "#test/support/command-line.ts";
import { privateControlPlane, testHost, testUsers } from "#test/support/control-planes.ts";
import { ownCrds } from "#test/support/global-setup.ts";

const NAMESPACE = "capfn-system";
const FUNCTION = "event-inject";
const clock = systemClock();
let directory = "";
let plane: ControlPlane;
let client: KubeClient;
let pullPort = 0;
let scalerPort = 0;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "capfn-pulled-hub-"));
  plane = await privateControlPlane({ name: "pulled", users: testUsers() }, [
    ...(await clusterApiCrds(testHost())),
    ...(await ownCrds()),
    { apiVersion: "v1", kind: "Namespace", metadata: { name: NAMESPACE } },
    ...[...functionRights().values()].flatMap((documents) => kubeObjectManifests(manifestText(documents))),
  ]);
  client = createKubeClient(plane.clientConfig, { clock });
  await writeFile(join(directory, "kubeconfig"), plane.kubeconfigFor("capfn"), { mode: 0o600 });
  [pullPort = 0, scalerPort = 0] = await freePorts(2);
}, 300_000);

afterAll(async () => {
  endCapfn();
  client?.close();
  await plane?.stop();
  await rm(directory, { recursive: true, force: true });
});

/** A token of a function's account. */
const tokenFor = (name: string, audience: string) =>
  accountToken(plane, { namespace: NAMESPACE, name: `capfn-${name}` }, audience);

async function startHub(): Promise<RunningCommand> {
  const addresses = [
    ["--pull-bind-address", `127.0.0.1:${pullPort}`],
    ["--scaler-bind-address", `127.0.0.1:${scalerPort}`],
    ["--metrics-bind-address", "0"],
    ["--health-probe-bind-address", "0"],
  ].flat();
  const hub = startCapfn("run", "--kubeconfig", join(directory, "kubeconfig"), ...addresses);
  await hub.line(/pods may come for work/);
  return hub;
}

function startPod(token: string): RunningCommand {
  const hub = ["--pull-from", `http://127.0.0.1:${pullPort}`, "--pull-token-file", token];
  const kubeconfig = ["--kubeconfig", join(directory, "kubeconfig")];
  return startCapfn("serve", FUNCTION, "--bind-address", "0", ...hub, ...kubeconfig);
}

/** One request of a pod, by hand. */
async function asPod(path: string, token: string, body: object): Promise<{ status: number; json: unknown }> {
  const answer = await fetch(`http://127.0.0.1:${pullPort}${path}`, {
    method: "POST",
    headers: { authorization: `Bearer ${token}` },
    body: JSON.stringify(body),
  });
  const text = await answer.text();
  return { status: answer.status, json: text === "" ? undefined : JSON.parse(text) };
}

/** KEDA's stream about the function. */
function stream() {
  const keda = new Client(`127.0.0.1:${scalerPort}`, credentials.createInsecure());
  onTestFinished(() => keda.close());
  const { path, requestSerialize, responseDeserialize } = externalScaler()["StreamIsActive"]!;
  const request = { name: "fn", namespace: NAMESPACE, scalerMetadata: { function: FUNCTION } };
  const call = keda.makeServerStreamRequest(path, requestSerialize, responseDeserialize, request);
  const said: boolean[] = [];
  const ended = Promise.withResolvers<number>();
  call.on("data", ({ result }: { result?: boolean }) => said.push(result === true));
  call.on("status", ({ code }) => ended.resolve(code));
  call.on("error", () => undefined);
  return { said, ended: ended.promise };
}

const injectionSchema = z.looseObject({
  status: z
    .looseObject({ conditions: z.array(z.looseObject({ type: z.string(), status: z.string() })).default([]) })
    .prefault({}),
});

async function inject(name: string): Promise<void> {
  await client.create(eventInjections, {
    apiVersion: "capfn.dev/v1alpha1",
    kind: "EventInjection",
    metadata: { name, namespace: NAMESPACE },
    spec: { type: "machine.changed", target: { kind: "Machine", name: "m" } },
  });
}

async function taken(name: string): Promise<boolean> {
  const found = await client.get(eventInjections, { namespace: NAMESPACE, name });
  return injectionSchema
    .parse(found)
    .status.conditions.some((it) => it.type === "Taken" && it.status === "True");
}

const soon = { timeout: 90_000, interval: 100 };

test(
  "a hub wakes KEDA, gives work to the account it is of, survives being killed under a lease, and ends in order",
  { timeout: 300_000 },
  async () => {
    let hub = await startHub();
    const woken = stream();
    await expect.poll(() => woken.said, soon).toEqual([false]);
    await inject("first");
    await expect.poll(() => woken.said.at(-1), soon).toBe(true);

    const holder = { holder: "by-hand", version };
    const own = await tokenFor(FUNCTION, "capfn-hub");
    const wrong = [await tokenFor(FUNCTION, "capfn-functions"), await tokenFor("vm-create", "capfn-hub")];
    const refused = await Promise.all(wrong.map((token) => asPod(`/lease/${FUNCTION}`, token, holder)));
    expect(refused.map((answer) => answer.status)).toEqual([401, 403]);
    await writeFile(join(directory, "token"), own, { mode: 0o600 });
    const first = startPod(join(directory, "token"));
    await expect.poll(() => taken("first"), soon).toBe(true);
    await expect.poll(() => woken.said.at(-1), soon).toBe(false);
    first.process.kill("SIGTERM");
    expect(await first.ended).toMatchObject({ code: 0 });

    await inject("second");
    const grant = await asPod(`/lease/${FUNCTION}`, own, holder);
    expect(grant).toMatchObject({ status: 200, json: { function: FUNCTION } });
    const { lease } = z.looseObject({ lease: z.string() }).parse(grant.json);
    hub.process.kill("SIGKILL");
    await hub.ended;
    hub = await startHub();
    for (const act of ["renew", "outcome"])
      expect(await asPod(`/${act}/${lease}`, own, {})).toMatchObject({ status: 410 });
    const again = stream();
    await expect.poll(() => again.said.at(-1), soon).toBe(true);
    const second = startPod(join(directory, "token"));
    await expect.poll(() => taken("second"), soon).toBe(true);

    hub.process.kill("SIGTERM");
    expect(await again.ended).toBe(status.OK);
    expect(await hub.ended).toMatchObject({ code: 0 });
    second.process.kill("SIGTERM");
    expect(await second.ended).toMatchObject({ code: 0 });
  },
);
