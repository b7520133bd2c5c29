import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { run } from "#cli/actions/run.ts";
import type { Terminal } from "#cli/terminal.ts";
import { systemClock } from "#platform/process/clock.ts";
import { sendJson, sendStatus, startFaultServer, type Script } from "#test/support/fault-server.ts";

/** `capfn run` in this process, against a management cluster that answers as told. */
async function start(script: Script, flags: { leaderElect?: boolean } = {}) {
  const server = await startFaultServer(script);
  const folder = await mkdtemp(join(tmpdir(), "capfn-test-"));
  onTestFinished(async () => {
    await server.close();
    await rm(folder, { recursive: true });
  });
  const kubeconfig = join(folder, "kubeconfig");
  const cluster = {
    server: server.config.server,
    "certificate-authority-data": Buffer.from(server.authority.certPem).toString("base64"),
  };
  await writeFile(
    kubeconfig,
    JSON.stringify({
      apiVersion: "v1",
      kind: "Config",
      "current-context": "a",
      contexts: [{ name: "a", context: { cluster: "a", user: "a" } }],
      clusters: [{ name: "a", cluster }],
      users: [{ name: "a", user: { token: "t0ken" } }],
    }),
  );
  const signal = Promise.withResolvers<string>();
  const terminal: Terminal = {
    clock: systemClock(),
    environment: { get: () => undefined },
    random: () => 0.5,
    print: () => undefined,
    say: () => undefined,
    interactive: false,
    stayAwake: () => () => undefined,
    contain: () => (act) => act(),
    ended: () => signal.promise,
  };
  const port = await freePort();
  const ended = run(
    {
      kubeconfig,
      logLevel: "silent",
      requestRate: 100,
      ingressBindAddress: "0",
      metricsBindAddress: "0",
      healthProbeBindAddress: `127.0.0.1:${port}`,
      pullBindAddress: "0",
      scalerBindAddress: "0",
      ledgerNamespace: "capfn-system",
      maxInFlight: 8,
      leaseSeconds: 4,
      ...flags,
    },
    terminal,
  );
  ended.catch(() => undefined);
  const health = async (path: string) => {
    const answer = await fetch(`http://127.0.0.1:${port}${path}`, { headers: { connection: "close" } });
    return answer.status;
  };
  return { server, ended, health, ask: () => signal.resolve("SIGTERM") };
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise<void>((resolve) => server.close(() => resolve()));
  return typeof address === "object" && address !== null ? address.port : 0;
}

const silence: Script = () => undefined;

const leaseOfAnother: Script = (request, answer) => {
  if (request.method !== "GET" || !request.path.includes("/leases/")) {
    sendStatus(answer, 500);
    return;
  }
  sendJson(answer, 200, {
    apiVersion: "coordination.k8s.io/v1",
    kind: "Lease",
    metadata: { name: "capfn-hub", namespace: "capfn-system", uid: "u", resourceVersion: "7" },
    spec: { holderIdentity: "another", leaseDurationSeconds: 15, leaseTransitions: 3 },
  });
};

describe("capfn run that is asked to end", { timeout: 30_000 }, () => {
  it("ends while it still starts, because the management cluster does not answer", async () => {
    const made = await start(silence);
    await expect.poll(() => made.server.requests.length).toBe(1);
    expect(await made.health("/healthz")).toBe(200);
    expect(await made.health("/readyz")).toBe(503);
    made.ask();
    await made.ended;
    await expect(made.health("/healthz")).rejects.toThrow("fetch failed");
  });

  it("starts when the management cluster answers at last, and is not ready before", async () => {
    const made = await start((request, answer, n) => {
      if (n === 1) sendStatus(answer, 503);
      else if (request.path.endsWith("/configmaps/capfn-ledger-0"))
        sendStatus(answer, 404, { reason: "NotFound" });
    });
    await expect.poll(() => made.server.requests.length).toBe(1);
    expect(await made.health("/readyz")).toBe(503);
    await expect
      .poll(() => made.server.requests.some(({ query }) => query.has("watch")), { timeout: 8_000 })
      .toBe(true);
    made.ask();
    await made.ended;
  });

  it("ends while it competes for a Lease that cannot be read", async () => {
    const made = await start(silence, { leaderElect: true });
    await expect.poll(() => made.server.requests.length).toBeGreaterThan(0);
    expect(await made.health("/readyz")).toBe(503);
    made.ask();
    await made.ended;
  });

  it("ends on standby, where it lists and watches and is not ready before it has, and writes nothing", async () => {
    const made = await start(leaseOfAnother, { leaderElect: true });
    const watched = () => made.server.requests.filter(({ query }) => query.has("watch"));
    await expect.poll(() => watched().length).toBeGreaterThan(5);
    expect(await made.health("/readyz")).toBe(503);
    made.ask();
    await made.ended;
    expect(new Set(made.server.requests.map(({ method }) => method))).toEqual(new Set(["GET"]));
  });
});

describe("capfn run that cannot start", () => {
  it("says why and leaves nothing behind that would keep the process alive", async () => {
    const made = await start((_request, answer) => sendStatus(answer, 403, { reason: "Forbidden" }));
    await expect(made.ended).rejects.toThrow("403");
    await expect(made.health("/healthz")).rejects.toThrow("fetch failed");
  });
});
