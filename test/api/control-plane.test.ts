import { execFile, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { inject, onTestFinished, expect, test } from "vitest";
import { countRequests, readAuditLog } from "#platform/control-plane/audit-log.ts";
import { isKubeError } from "#platform/kube/errors.ts";
import { configMaps, namespaces, secrets } from "#platform/kube/resources.ts";
import { createKubeClient } from "#platform/kube/rest.ts";
import { systemClock } from "#platform/process/clock.ts";
import {
  clientOf,
  newNamespace,
  privateControlPlane,
  sharedHarvester,
  sharedManagement,
} from "#test/support/control-planes.ts";

const run = promisify(execFile);

async function processesOf(directory: string): Promise<string[]> {
  const { stdout } = await run("ps", ["-eo", "args"]);
  return stdout.split("\n").filter((line) => line.includes(directory) && !line.startsWith("ps "));
}

test("two API servers on one etcd do not see each other's objects", async () => {
  const management = clientOf(sharedManagement());
  const harvester = clientOf(sharedHarvester());
  const namespace = await newNamespace(management);
  expect(await management.get(namespaces, { name: namespace })).toBeDefined();
  expect(await harvester.get(namespaces, { name: namespace })).toBeUndefined();
});

test("requests are told apart by user in the audit log", async () => {
  const plane = sharedManagement();
  const admin = clientOf(plane);
  const capfn = clientOf(plane, "capfn");
  const namespace = await newNamespace(admin);
  for (let n = 0; n < 3; n += 1) await capfn.get(configMaps, { namespace, name: `absent-${n}` });
  await admin.get(configMaps, { namespace, name: "absent" });
  const where = (request: { namespace: string | undefined; resource: string | undefined }): boolean =>
    request.namespace === namespace && request.resource === "configmaps";
  await expect.poll(() => countRequests(plane.auditLogPath, { user: "admin", where })).toBe(1);
  expect(await countRequests(plane.auditLogPath, { user: "capfn", where })).toBe(3);
  for await (const request of readAuditLog(plane.auditLogPath)) {
    if (!where(request) || request.user !== "capfn") continue;
    expect(request).toMatchObject({ verb: "get", code: 404, stage: "ResponseComplete", apiGroup: "" });
  }
});

test("a namespace that is deleted goes away with what is in it", async () => {
  const client = clientOf(sharedManagement());
  const name = await newNamespace(client);
  const metadata = { namespace: name, name: "a" };
  await client.create(secrets, { apiVersion: "v1", kind: "Secret", metadata });
  const created = await client.get(namespaces, { name });
  await client.delete(namespaces, { name }, { uid: created!.metadata.uid });
  await expect.poll(() => client.get(namespaces, { name }), { timeout: 60_000 }).toBeUndefined();
});

test("an API server that was killed comes back at its address with its data and its users", async () => {
  await using plane = await privateControlPlane({ name: "restarted" });
  const client = createKubeClient(plane.clientConfigFor("capfn"), { clock: systemClock() });
  onTestFinished(() => client.close());
  const name = await newNamespace(client);
  await plane.apiServer.kill();
  await expect(client.get(namespaces, { name })).rejects.toSatisfy((error) =>
    isKubeError(error, "unavailable"),
  );
  await plane.apiServer.start();
  expect(await client.get(namespaces, { name })).toBeDefined();
});

test("a frozen API server answers when it is thawed", async () => {
  await using plane = await privateControlPlane({ name: "frozen" });
  const client = createKubeClient(plane.clientConfig, { clock: systemClock() });
  onTestFinished(() => client.close());
  let answered = false;
  plane.apiServer.suspend();
  const asked = client.get(namespaces, { name: "default" }).then((answer) => ((answered = true), answer));
  await new Promise((resolve) => setTimeout(resolve, 300));
  expect(answered).toBe(false);
  plane.apiServer.resume();
  expect(await asked).toBeDefined();
});

test("stop ends every process and removes every file", async () => {
  const plane = await privateControlPlane({ name: "stopped" });
  expect(await processesOf(plane.directory)).not.toEqual([]);
  await plane.stop();
  await plane.stop();
  expect(await processesOf(plane.directory)).toEqual([]);
  expect(existsSync(plane.directory)).toBe(false);
});

test("a control plane whose API server refuses its flags says why and leaves nothing", async () => {
  const extraFlags = { "no-such-flag": "1" };
  const failing = privateControlPlane({ name: "misled", extraFlags });
  await expect(failing).rejects.toThrow(/kube-apiserver of misled-\w+ ended with code 1[^]*no-such-flag/);
  const left = (await readdir(tmpdir())).filter((name) => name.startsWith("capfn-misled-"));
  expect(left).toEqual([]);
});

test("a user without that name is refused with the names there are", async () => {
  await using plane = await privateControlPlane({ users: [{ name: "someone", groups: [], token: "t" }] });
  expect(() => plane.kubeconfigFor("nobody")).toThrow(
    /has no user nobody; it has admin, system:kube-controller-manager, someone/,
  );
  const someone = createKubeClient(plane.clientConfigFor("someone"), { clock: systemClock() });
  onTestFinished(() => someone.close());
  await expect(newNamespace(someone)).rejects.toSatisfy((error) => isKubeError(error, "forbidden"));
});

test("a whole control plane dies with its starter, even when that is killed with SIGKILL, and leaves no files", async () => {
  const code = `
    import { startControlPlane } from "#platform/control-plane/control-plane.ts";
    import { systemClock } from "#platform/process/clock.ts";
    import { processEnvironment } from "#platform/process/environment.ts";
    const host = { environment: processEnvironment(), clock: systemClock(), progress: () => undefined };
    const etcd = { url: ${JSON.stringify(inject("controlPlanes").etcdUrl)} };
    const plane = await startControlPlane(host, { name: "orphan", etcd });
    console.log(plane.directory);
  `;
  const starter = spawn(process.execPath, ["--input-type=module-typescript", "-e", code], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const directory = await new Promise<string>((resolve) => {
    starter.stdout.setEncoding("utf8").once("data", (text: string) => resolve(text.trim()));
  });
  expect(directory.startsWith(join(tmpdir(), "capfn-orphan-"))).toBe(true);
  expect(await processesOf(directory)).not.toEqual([]);
  starter.kill("SIGKILL");
  await expect.poll(() => processesOf(directory), { timeout: 10_000 }).toEqual([]);
  await expect.poll(() => existsSync(directory), { timeout: 5_000 }).toBe(false);
});
