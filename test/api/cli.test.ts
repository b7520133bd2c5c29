import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import * as z from "zod";
import { generateMonitoring } from "#cli/generate/monitoring/index.ts";
import { configMaps, harvesterMachines } from "#platform/kube/resources.ts";
import { machineSpec } from "#test/support/cluster-objects.ts";
import { capfn, endCapfn, startCapfn } from "#test/support/command-line.ts";
import { clientOf, kubeconfigOf, newNamespace, sharedManagement } from "#test/support/control-planes.ts";

const management = clientOf(sharedManagement());
let directory = "";
let kubeconfig = "";
let namespace = "";

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "capfn-cli-"));
  kubeconfig = join(directory, "kubeconfig");
  await writeFile(kubeconfig, kubeconfigOf(sharedManagement(), "capfn"), { mode: 0o600 });
  namespace = await newNamespace(management, "cli");
  await management.create(harvesterMachines, {
    apiVersion: "infrastructure.cluster.x-k8s.io/v1beta1",
    kind: "HarvesterMachine",
    metadata: { name: "lonely", namespace },
    spec: machineSpec,
  });
});

afterAll(async () => {
  endCapfn();
  management.close();
  await rm(directory, { recursive: true, force: true });
});

describe("capfn run", () => {
  it("serves health, readiness, metrics and answers, and ends by itself when asked to [check 114] [check 115]", async () => {
    const address = ["--metrics-bind-address", "127.0.0.1:0", "--health-probe-bind-address", "127.0.0.1:0"];
    const run = startCapfn(
      "run",
      "--kubeconfig",
      kubeconfig,
      "-n",
      namespace,
      "--ledger-namespace",
      namespace,
      ...address,
    );
    const [, metricsUrl = "", healthUrl = ""] = await run.line(/"addresses":\["([^"]+)","([^"]+)"\]/);
    expect(await textOf(`${healthUrl}/healthz`)).toBe("ok");
    await until(async () => (await fetch(`${healthUrl}/readyz`)).status === 200);
    const metrics = await textOf(`${metricsUrl}/metrics`);
    for (const name of [
      "caphv_machine_create_total",
      "caphv_machine_status",
      "capfn_wake_latency_seconds",
      "capfn_requests_total",
    ]) {
      expect(metrics).toContain(name);
    }
    // Rules and dashboards ask for these, at the very process that is scraped.
    const asked = [...generateMonitoring().values()].flatMap(
      (text) => text.match(/\bcap(?:fn|hv)_\w+/g) ?? [],
    );
    const served = new Set([...metrics.matchAll(/^# TYPE (\w+)/gm)].map(([, each]) => each));
    const plain = (each: string) => each.replace(/_bucket$/, "");
    expect(new Set(asked).size).toBeGreaterThan(25);
    expect(asked.filter((each) => !served.has(plain(each)))).toEqual([]);
    expect(metrics).toMatch(/^capfn_leading 1$/m);
    expect(metrics).toMatch(/^capfn_ready 1$/m);
    const answers = z
      .array(z.looseObject({ function: z.string(), predicate: z.string() }))
      .parse(JSON.parse(await textOf(`${healthUrl}/why/machine/${namespace}/lonely`)));
    expect(answers.map((each) => each.function)).toContain("vm-create");
    run.process.kill("SIGTERM");
    expect(await run.ended).toMatchObject({ code: 0 });
    expect(
      await management.get(configMaps, { namespace, name: `capfn-ledger-ns-${namespace}-0` }),
    ).toBeDefined();
  });

  it("is not ready while a first list is missing", async () => {
    const nowhere = join(directory, "nowhere");
    const { server } = sharedManagement();
    await writeFile(
      nowhere,
      kubeconfigOf(sharedManagement(), "capfn").replace(server, "https://127.0.0.1:1"),
    );
    const address = ["--metrics-bind-address", "0", "--health-probe-bind-address", "127.0.0.1:0"];
    const run = startCapfn("run", "--kubeconfig", nowhere, "--ledger-namespace", namespace, ...address);
    const ended = await Promise.race([run.ended, run.line(/"addresses":\["([^"]+)"\]/)]);
    if ("code" in ended) {
      expect(ended.code).not.toBe(0);
      return;
    }
    // It gives up in a moment, because it cannot read its ledger either: then nobody is there to answer.
    const answer = await fetch(`${ended[1] ?? ""}/readyz`).catch(() => undefined);
    if (answer === undefined) {
      expect((await run.ended).code).not.toBe(0);
      return;
    }
    expect(answer.status).toBe(503);
    expect(await answer.text()).toContain("waiting for the first list of");
    run.process.kill("SIGKILL");
    await run.ended;
  });
});

describe("capfn run --leader-elect", () => {
  it("lets one of two act, and the other take over within 30 s when the first dies [check 116]", async () => {
    const flags = [
      "run",
      "--leader-elect",
      "--kubeconfig",
      kubeconfig,
      "-n",
      namespace,
      "--ledger-namespace",
      namespace,
    ];
    const address = ["--metrics-bind-address", "0", "--health-probe-bind-address", "127.0.0.1:0"];
    const first = startCapfn(...flags, ...address);
    const [, firstUrl = ""] = await first.line(/"addresses":\["([^"]+)"\]/);
    await until(async () => (await textOf(`${firstUrl}/readyz`)) === "ok");
    const second = startCapfn(...flags, ...address);
    const [, secondUrl = ""] = await second.line(/"addresses":\["([^"]+)"\]/);
    await until(async () => (await textOf(`${secondUrl}/readyz`)) === "ok, standby");
    first.process.kill("SIGKILL");
    const died = performance.now();
    await until(async () => (await textOf(`${secondUrl}/readyz`)) === "ok", 30_000);
    expect(performance.now() - died).toBeLessThan(30_000);
    second.process.kill("SIGTERM");
    expect(await second.ended).toMatchObject({ code: 0 });
  });
});

describe("capfn hub --once", () => {
  it("looks at everything, comes to rest and exits", async () => {
    const { code, stderr } = await capfn(
      "hub",
      "--once",
      "--kubeconfig",
      kubeconfig,
      "-n",
      namespace,
      "--ledger-namespace",
      namespace,
    );
    expect({ code, stderr }).toMatchObject({ code: 0 });
  });
});

describe("capfn why", () => {
  it("tells per function whether there is work, without writing anything", async () => {
    const before = await management.get(harvesterMachines, { namespace, name: "lonely" });
    const { code, stdout } = await capfn(
      "why",
      `machine/${namespace}/lonely`,
      "--kubeconfig",
      kubeconfig,
      "--ledger-namespace",
      namespace,
    );
    expect(code).toBe(0);
    expect(stdout).toContain("FUNCTION");
    expect(stdout).toMatch(/vm-create\s+no work/);
    const after = await management.get(harvesterMachines, { namespace, name: "lonely" });
    expect(after?.metadata.resourceVersion).toBe(before?.metadata.resourceVersion);
  });

  it("says what to type when the object does not exist", async () => {
    const { code, stderr } = await capfn(
      "why",
      "machine/nobody",
      "-n",
      namespace,
      "--kubeconfig",
      kubeconfig,
    );
    expect(code).toBe(1);
    expect(stderr).toContain(`kubectl get harvestermachines -n ${namespace}`);
  });
});

async function textOf(url: string): Promise<string> {
  return (await fetch(url)).text();
}

async function until(holds: () => Promise<boolean>, timeoutMs = 10_000): Promise<void> {
  for (let tries = 0; tries < timeoutMs / 50; tries += 1) {
    if (await holds()) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error("never came true");
}
