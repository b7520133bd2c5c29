import type { ChildProcess } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parse, stringify } from "yaml";
import { freePorts } from "#platform/control-plane/free-ports.ts";
import { remediationRequestSchema, type RemediationRequest } from "#api/remediation-request.ts";
import { remediationRequests } from "#platform/kube/resources.ts";
import { capfn, endCapfn, startCapfn, type RunningCommand } from "#test/support/command-line.ts";
import { clientOf, kubeconfigOf, newNamespace, sharedManagement } from "#test/support/control-planes.ts";
import {
  debianPackage,
  runProgram,
  startAlertmanager,
  type Unpacked,
} from "#test/support/debian-programs.ts";
import { repository } from "#test/support/documentation.ts";

const management = clientOf(sharedManagement());
const manifests = join(repository, "manifests/prometheus");
let directory = "";
let namespace = "";
let ports: number[] = [];
let alertmanagerPackage: Unpacked;
let alertmanager: ChildProcess | undefined;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "capfn-alerts-"));
  namespace = await newNamespace(management, "alerts");
  ports = await freePorts(2);
  alertmanagerPackage = await debianPackage("prometheus-alertmanager");
  await writeFile(join(directory, "kubeconfig"), kubeconfigOf(sharedManagement(), "capfn"), { mode: 0o600 });
  await writeFile(join(directory, "token"), "the-token", { mode: 0o600 });
  const sender = { name: "alertmanager", tokenFile: join(directory, "token"), paths: ["/alerts", "/events"] };
  const url = `http://127.0.0.1:${ports[1]}`;
  const config = { senders: [sender], alertmanagers: [{ url, receiver: "capfn", everySeconds: 5 }] };
  await writeFile(join(directory, "ingress.yaml"), stringify(config));
});

afterAll(async () => {
  alertmanager?.kill("SIGKILL");
  endCapfn();
  management.close();
  await rm(directory, { recursive: true, force: true });
});

/** `capfn run` with its ingress, ready. */
async function startIngress(): Promise<RunningCommand> {
  const none = ["--metrics-bind-address", "0", "--health-probe-bind-address", "127.0.0.1:0"];
  const started = startCapfn(
    "run",
    ...["--kubeconfig", join(directory, "kubeconfig"), "-n", namespace, "--ledger-namespace", namespace],
    ...[
      "--ingress-bind-address",
      `127.0.0.1:${ports[0]}`,
      "--ingress-config",
      join(directory, "ingress.yaml"),
    ],
    ...none,
  );
  await started.line(/"addresses":/);
  return started;
}

async function kill(running: RunningCommand): Promise<void> {
  running.process.kill("SIGKILL");
  await running.ended;
}

async function stored(): Promise<RemediationRequest[]> {
  const found: RemediationRequest[] = [];
  for await (const each of management.list(remediationRequests, { namespace }))
    found.push(remediationRequestSchema.parse(each));
  return found;
}

async function until(condition: () => Promise<boolean>, ms = 60_000): Promise<void> {
  const end = performance.now() + ms;
  while (!(await condition())) {
    if (performance.now() > end) throw new Error(`not within ${ms} ms`);
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
}

/** Tells Alertmanager of an alert, as Prometheus does. */
async function tell(node: string, endsAt?: string): Promise<void> {
  const alert = {
    labels: { alertname: "NodeNotReady", remediation: "capfn", cluster: "shop", node },
    startsAt,
    ...(endsAt === undefined ? {} : { endsAt }),
  };
  const answer = await fetch(`http://127.0.0.1:${ports[1]}/api/v2/alerts`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify([alert]),
  });
  expect(answer.status).toBe(200);
}
const startsAt = new Date(Date.now() - 60_000).toISOString();

describe("a real Alertmanager with the route of manifests/prometheus", () => {
  it("has each alert stored exactly once, while the ingress is down, killed and started again, and closed when it ends", async (context) => {
    if ("missing" in alertmanagerPackage) return context.skip(alertmanagerPackage.missing);
    const { root } = alertmanagerPackage;
    const text = (await readFile(join(manifests, "alertmanager.yaml"), "utf8"))
      .replace(/url: .*/, `url: http://127.0.0.1:${ports[0]}/alerts`)
      .replace(/credentials_file: .*/, `credentials_file: ${join(directory, "token")}`)
      .replace(/ca_file: .*/, "insecure_skip_verify: true")
      .replace("group_interval: 1m", "group_interval: 10s");
    const configFile = join(directory, "alertmanager.yaml");
    await writeFile(configFile, text);
    const storage = join(directory, "data");
    alertmanager = startAlertmanager(root, { configFile, storage, port: ports[1] ?? 0 });
    const ready = () =>
      fetch(`http://127.0.0.1:${ports[1]}/-/ready`).then(
        ({ ok }) => ok,
        () => false,
      );
    await until(ready);

    await tell("first");
    let ingress = await startIngress();
    await until(async () => (await stored()).length === 1);
    expect((await stored())[0]?.spec).toMatchObject({
      source: "Alert",
      alert: { name: "NodeNotReady", labels: { cluster: "shop", node: "first" } },
    });

    await kill(ingress);
    await tell("second");
    await tell("third");
    ingress = await startIngress();
    await until(async () => (await stored()).length === 3);
    await kill(ingress);
    await tell("first");
    await tell("fourth");
    ingress = await startIngress();
    await until(async () => (await stored()).length === 4);

    await tell("first", new Date().toISOString());
    const endOf = async (node: string) =>
      (await stored()).find(({ spec }) => spec.alert?.labels?.["node"] === node)?.spec.alert?.endsAt;
    await until(async () => (await endOf("first")) !== undefined);
    expect(await endOf("second")).toBeUndefined();
    expect(await stored()).toHaveLength(4);
    await kill(ingress);
  });
});

describe("the files of manifests/prometheus", () => {
  it("are a configuration that amtool accepts and that routes alerts with our label to us", async (context) => {
    if ("missing" in alertmanagerPackage) return context.skip(alertmanagerPackage.missing);
    const { root } = alertmanagerPackage;
    const file = join(manifests, "alertmanager.yaml");
    expect(await runProgram(root, "amtool", "check-config", file)).toContain("SUCCESS");
    const route = (...labels: string[]) =>
      runProgram(root, "amtool", "config", "routes", "test", "--config.file", file, ...labels);
    expect(await route("alertname=NodeNotReady", "remediation=capfn")).toMatch(/^capfn$/m);
    expect(await route("alertname=NodeNotReady")).toMatch(/^people$/m);
  });

  it("are rules that promtool accepts and whose tests it passes", async (context) => {
    const prometheus = await debianPackage("prometheus");
    if ("missing" in prometheus) return context.skip(prometheus.missing);
    const rule = parse(await readFile(join(manifests, "prometheus-rule.yaml"), "utf8")) as { spec: unknown };
    await writeFile(join(directory, "capfn-rules.yaml"), stringify(rule.spec));
    const tests = join(directory, "test.yaml");
    await writeFile(tests, await readFile(join(manifests, "prometheus-rule.test.yaml"), "utf8"));
    const check = await runProgram(
      prometheus.root,
      "promtool",
      "check",
      "rules",
      join(directory, "capfn-rules.yaml"),
    );
    expect(check).toContain("SUCCESS");
    expect(await runProgram(prometheus.root, "promtool", "test", "rules", tests)).toContain("SUCCESS");
  });
});

describe("events from the command line", () => {
  const kubeconfig = () => ["--kubeconfig", join(directory, "kubeconfig")];

  it("are taken as EventInjections by a running capfn, or refused with the field", async () => {
    const running = await startIngress();
    const emit = (type: string, object: string) =>
      capfn("emit", type, "--for", object, "-n", namespace, ...kubeconfig(), "--timeout-seconds", "60");
    const taken = await emit("machine.changed", "machine/nobody");
    expect(taken).toMatchObject({ code: 0, stdout: expect.stringContaining("was taken at 20") });
    const refused = await emit("machine.changed", "unicorn/x");
    expect(refused).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("spec.target.kind is no kind"),
    });

    const hub = ["--hub", `http://127.0.0.1:${ports[0]}`, "--token-file", join(directory, "token")];
    const posted = await capfn("emit", "machine.changed", "--for", `machine/${namespace}/nobody`, ...hub);
    expect(posted).toMatchObject({ code: 0, stdout: expect.stringContaining("was taken as a hint") });
    const unfit = await capfn("emit", "alert.firing", "--for", `machine/${namespace}/nobody`, ...hub);
    expect(unfit).toMatchObject({ code: 1, stderr: expect.stringContaining("data.name") });
    const stranger = await capfn("emit", "machine.changed", "--for", "machine/a/b", ...hub.slice(0, 2));
    expect(stranger).toMatchObject({ code: 1, stderr: expect.stringContaining("answers 401") });
    await kill(running);
  });

  it("are alerts too: fired and resolved without a hub, under the rights of the one who asks", async () => {
    const place = ["--node", "by-hand", "-n", namespace, ...kubeconfig()];
    const mine = async () =>
      (await stored()).filter(({ spec }) => spec.alert?.labels?.["node"] === "by-hand");
    expect(await capfn("alert", "NodeDown", ...place)).toMatchObject({ code: 0 });
    expect(await mine()).toHaveLength(1);
    expect((await mine())[0]?.spec.alert?.endsAt).toBeUndefined();
    expect(await capfn("alert", "NodeDown", "--resolve", ...place)).toMatchObject({ code: 0 });
    expect((await mine())[0]?.spec.alert?.endsAt).toBeDefined();
    expect(await mine()).toHaveLength(1);
  });
});
