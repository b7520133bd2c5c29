import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parse, stringify } from "yaml";
import { alertStage, crash, until, type ToldAlert } from "#test/support/alert-stage.ts";
import { capfn } from "#test/support/command-line.ts";
import {
  alertmanagerPackage,
  debianPackage,
  runProgram,
  type Unpacked,
} from "#test/support/debian-programs.ts";
import { repository } from "#test/support/documentation.ts";

const manifests = join(repository, "manifests/prometheus");
/** Alerts of the storm; 10,000 as `ALERTS=10000` says. */
const STORM = Number(process.env["ALERTS"] ?? 400);
const KILLS = 5;
const startsAt = new Date(Date.now() - 60_000).toISOString();
/** Not told again, an alert without an end is over for Alertmanager after five minutes, and a storm may take longer. */
const endsAt = new Date(Date.now() + 7_200_000).toISOString();
let stage: Awaited<ReturnType<typeof alertStage>>;
let alertmanager: Unpacked;

beforeAll(async () => {
  stage = await alertStage();
  alertmanager = await alertmanagerPackage();
  if ("root" in alertmanager) await stage.startAlertmanager(alertmanager.root);
});
afterAll(() => stage.stop());

function down(node: string, more: Partial<ToldAlert> = {}): ToldAlert {
  const labels = { alertname: "NodeNotReady", remediation: "capfn", cluster: "shop", node };
  return { labels, startsAt, endsAt, ...more };
}

describe("a real Alertmanager with the route of manifests/prometheus", () => {
  it("has each alert stored exactly once, while the ingress is down, killed and started again, and closed when it ends", async (context) => {
    if ("missing" in alertmanager) return context.skip(alertmanager.missing);
    const count = async () => (await stage.stored()).length;
    await stage.tell([down("first")]);
    let ingress = await stage.startIngress();
    await until(async () => (await count()) === 1);
    expect((await stage.stored())[0]?.spec).toMatchObject({
      source: "Alert",
      alert: { name: "NodeNotReady", labels: { cluster: "shop", node: "first" } },
    });

    await crash(ingress);
    await stage.tell([down("second"), down("third")]);
    ingress = await stage.startIngress();
    await until(async () => (await count()) === 3);
    await crash(ingress);
    await stage.tell([down("first"), down("fourth")]);
    ingress = await stage.startIngress();
    await until(async () => (await count()) === 4);

    await stage.tell([down("first", { endsAt: new Date().toISOString() })]);
    const endOf = async (node: string) =>
      (await stage.stored()).find(({ spec }) => spec.alert?.labels?.["node"] === node)?.spec.alert?.endsAt;
    await until(async () => (await endOf("first")) !== undefined);
    expect(await endOf("second")).toBeUndefined();
    expect(await count()).toBe(4);
    await crash(ingress);
  });

  it("has an alert that a replica sends at the same time stored once, and one that has ended left so by a replica that still calls it firing", async (context) => {
    if ("missing" in alertmanager) return context.skip(alertmanager.missing);
    const tellReplica = await stage.startReplica(alertmanager.root);
    const ingress = await stage.startIngress();
    const seen = stage.watch();
    const twice = Array.from({ length: 20 }, (_, n) => down(`twice-${n}`));
    await Promise.all([stage.tell(twice), tellReplica(twice)]);
    const requestsOf = (prefix: string) => [...seen.stored].filter(([node]) => node.startsWith(prefix));
    await until(() => requestsOf("twice-").length === twice.length);
    const over = down("overtaken", { endsAt: new Date().toISOString() });
    await tellReplica([down("overtaken")]);
    await until(() => requestsOf("overtaken").length === 1);
    await tellReplica([over]);
    const stored = async () =>
      (await stage.stored()).find(({ spec }) => spec.alert?.labels?.["node"] === "overtaken");
    await until(async () => (await stored())?.spec.alert?.endsAt !== undefined);
    await stage.tell([down("overtaken"), down("after")]);
    await until(() => requestsOf("after").length === 1);
    expect((await stored())?.spec.alert?.endsAt).toBeDefined();
    for (const [, uids] of [...requestsOf("twice-"), ...requestsOf("overtaken")]) expect(uids.size).toBe(1);
    seen.stop();
    await crash(ingress);
  });

  it(
    `has a storm of ${STORM} alerts stored exactly once each, while the ingress is killed ${KILLS} times`,
    { timeout: 2_400_000 },
    async (context) => {
      if ("missing" in alertmanager) return context.skip(alertmanager.missing);
      const seen = stage.watch();
      const began = performance.now();
      let ingress = await stage.startIngress();
      const ofStorm = () => [...seen.stored].filter(([node]) => node.startsWith("storm-"));
      for (let burst = 0; burst < KILLS; burst += 1) {
        const from = Math.ceil((STORM * burst) / KILLS);
        const to = Math.ceil((STORM * (burst + 1)) / KILLS);
        const before = ofStorm().length;
        const size = 100;
        for (let at = from; at < to; at += size) {
          const names = Array.from({ length: Math.min(size, to - at) }, (_, index) => `storm-${at + index}`);
          await stage.tell(names.map((name) => down(name)));
        }
        // In the middle of the burst: some are stored, some are under way.
        await until(() => ofStorm().length > before, 300_000);
        await crash(ingress);
        ingress = await stage.startIngress();
      }
      await until(() => ofStorm().length >= STORM, 1_800_000);
      const uids = ofStorm().flatMap(([, made]) => [...made]);
      expect(ofStorm()).toHaveLength(STORM);
      expect(uids).toHaveLength(STORM);
      seen.stop();
      const seconds = Math.round((performance.now() - began) / 1000);
      process.stdout.write(`${STORM} alerts, ${KILLS} kills, ${uids.length} requests, ${seconds} s\n`);
      await crash(ingress);
    },
  );
});

describe("the files of manifests/prometheus", () => {
  it("are a configuration that amtool accepts and that routes alerts with our label to us", async (context) => {
    if ("missing" in alertmanager) return context.skip(alertmanager.missing);
    const { root } = alertmanager;
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
    const rules = join(stage.directory, "capfn-rules.yaml");
    const tests = join(stage.directory, "test.yaml");
    await writeFile(rules, stringify(rule.spec));
    await writeFile(tests, await readFile(join(manifests, "prometheus-rule.test.yaml"), "utf8"));
    // Dashboards have no checker of their own: what they ask Prometheus is checked as rules.
    const asked = join(stage.directory, "asked-by-dashboards.yaml");
    await writeFile(asked, stringify({ groups: [{ name: "asked", rules: await dashboardQueries() }] }));
    expect(await runProgram(prometheus.root, "promtool", "check", "rules", asked)).toMatch(/SUCCESS: \d{2,}/);
    expect(await runProgram(prometheus.root, "promtool", "check", "rules", rules)).toContain("SUCCESS");
    expect(await runProgram(prometheus.root, "promtool", "test", "rules", tests)).toContain("SUCCESS");
  });
});

async function dashboardQueries(): Promise<object[]> {
  const folder = join(repository, "manifests/grafana");
  const files = await Promise.all(
    (await readdir(folder)).map((name) => readFile(join(folder, name), "utf8")),
  );
  const expressions = files.flatMap((text) =>
    [...text.matchAll(/"expr": ("(?:[^"\\]|\\.)*")/g)].map(([, json = '""']) => JSON.parse(json) as string),
  );
  return expressions.map((expr, n) => ({
    record: `asked:${n}`,
    expr: expr.replaceAll("$__rate_interval", "5m"),
  }));
}

describe("events from the command line", () => {
  it("are taken as EventInjections by a running capfn, or refused with the field", async () => {
    const { namespace, kubeconfig, ingressUrl, token } = stage;
    const running = await stage.startIngress();
    const emit = (type: string, object: string) => {
      const place = ["-n", namespace, "--kubeconfig", kubeconfig, "--timeout-seconds", "60"];
      return capfn("emit", type, "--for", object, ...place);
    };
    const taken = await emit("machine.changed", "machine/nobody");
    expect(taken).toMatchObject({ code: 0, stdout: expect.stringContaining("was taken at 20") });
    const refused = await emit("machine.changed", "unicorn/x");
    expect(refused).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("spec.target.kind is no kind"),
    });

    const hub = ["--hub", ingressUrl, "--token-file", token];
    const posted = await capfn("emit", "machine.changed", "--for", `machine/${namespace}/nobody`, ...hub);
    expect(posted).toMatchObject({ code: 0, stdout: expect.stringContaining("was taken as a hint") });
    const unfit = await capfn("emit", "alert.firing", "--for", `machine/${namespace}/nobody`, ...hub);
    expect(unfit).toMatchObject({ code: 1, stderr: expect.stringContaining("data.name") });
    const stranger = await capfn("emit", "machine.changed", "--for", "machine/a/b", ...hub.slice(0, 2));
    expect(stranger).toMatchObject({ code: 1, stderr: expect.stringContaining("answers 401") });
    await crash(running);
  });

  it("are alerts too: fired and resolved without a hub, under the rights of the one who asks", async () => {
    const place = ["--node", "by-hand", "-n", stage.namespace, "--kubeconfig", stage.kubeconfig];
    const mine = async () =>
      (await stage.stored()).filter(({ spec }) => spec.alert?.labels?.["node"] === "by-hand");
    expect(await capfn("alert", "NodeDown", ...place)).toMatchObject({ code: 0 });
    expect(await mine()).toHaveLength(1);
    expect((await mine())[0]?.spec.alert?.endsAt).toBeUndefined();
    expect(await capfn("alert", "NodeDown", "--resolve", ...place)).toMatchObject({ code: 0 });
    expect((await mine())[0]?.spec.alert?.endsAt).toBeDefined();
    expect(await mine()).toHaveLength(1);
  });
});
