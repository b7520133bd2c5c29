import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { parse, parseAllDocuments } from "yaml";
import * as z from "zod";
import { allFunctions } from "#cli/functions.ts";
import { generateMonitoring } from "#cli/generate/monitoring/index.ts";
import { createMetrics } from "#platform/observability/metrics.ts";
import { repository } from "#test/support/documentation.ts";

const files = generateMonitoring();
const place = z.object({
  h: z.int().positive(),
  w: z.int().min(1).max(24),
  x: z.int().min(0),
  y: z.int().min(0),
});
const source = z.object({ type: z.literal("prometheus"), uid: z.literal("${datasource}") });
const plainPanel = z.strictObject({
  id: z.int(),
  type: z.enum(["timeseries", "stat"]),
  title: z.string().min(1),
  description: z.string(),
  datasource: source,
  gridPos: place,
  fieldConfig: z.object({ defaults: z.object({ unit: z.string().min(1) }), overrides: z.array(z.never()) }),
  options: z.looseObject({}),
  targets: z
    .array(
      z.object({ refId: z.string(), datasource: source, expr: z.string().min(1), legendFormat: z.string() }),
    )
    .min(1),
});
const rowPanel = z.strictObject({
  id: z.int(),
  type: z.literal("row"),
  title: z.string().min(1),
  collapsed: z.boolean(),
  gridPos: place,
  panels: z.array(plainPanel),
});
/** As Grafana's API and provisioning take a dashboard (schema version 39). */
const dashboardSchema = z.looseObject({
  uid: z.string().regex(/^[a-z-]{1,40}$/),
  title: z.string(),
  schemaVersion: z.literal(39),
  templating: z.object({ list: z.array(z.looseObject({ name: z.string(), type: z.string() })).min(1) }),
  panels: z.array(z.union([rowPanel, plainPanel])),
});
const ruleSchema = z.object({
  spec: z.object({
    groups: z.array(
      z.object({ name: z.string(), rules: z.array(z.looseObject({ alert: z.string(), expr: z.string() })) }),
    ),
  }),
});

const dashboards = [...files]
  .filter(([path]) => path.startsWith("manifests/grafana/"))
  .map(([path, text]) => ({ path, dashboard: dashboardSchema.parse(JSON.parse(text)) }));
const rules = ruleSchema
  .parse(parse(files.get("manifests/prometheus/prometheus-rule.yaml") ?? ""))
  .spec.groups.flatMap(({ rules: each }) => each);
const panelsOf = ({ panels }: z.infer<typeof dashboardSchema>) =>
  panels.flatMap((panel) => (panel.type === "row" ? panel.panels : [panel]));
const expressions = [
  ...rules.map(({ alert, expr }) => ({ where: alert, expr })),
  ...dashboards.flatMap(({ path, dashboard }) =>
    panelsOf(dashboard).flatMap(({ title, targets }) =>
      targets.map(({ expr }) => ({ where: `${path}: ${title}`, expr })),
    ),
  ),
];

const { registry } = createMetrics(() => expect.fail("nothing is scraped"));
const exported = new Map(
  registry.getMetricsAsArray().flatMap((metric) => {
    const { labelNames } = z.object({ labelNames: z.array(z.string()) }).parse(metric);
    const name = metric.name;
    return [name, `${name}_bucket`, `${name}_sum`, `${name}_count`].map(
      (each) => [each, labelNames] as const,
    );
  }),
);

describe("dashboards and rules", () => {
  it("name only metrics that capfn exports, with labels that they have [check 109]", () => {
    const wrong = expressions.flatMap(({ where, expr }) => [
      ...[...expr.matchAll(/\bcap(?:fn|hv)_\w+/g)].flatMap(([name]) =>
        exported.has(name) ? [] : [`${where}: ${name}`],
      ),
      ...[...expr.matchAll(/\b(cap(?:fn|hv)_\w+)\{([^}]*)\}/g)].flatMap(([, name = "", selector = ""]) =>
        [...selector.matchAll(/(\w+)\s*[=!]/g)]
          .filter(([, label = ""]) => exported.get(name)?.includes(label) !== true)
          .map(([, label = ""]) => `${where}: ${name} has no label ${label}`),
      ),
      ...[...expr.matchAll(/by \(([^)]*)\) \((?:\w+\()?(cap(?:fn|hv)_\w+)/g)].flatMap(
        ([, by = "", name = ""]) =>
          by
            .split(",")
            .map((label) => label.trim())
            .filter((label) => label !== "le" && exported.get(name)?.includes(label) !== true)
            .map((label) => `${where}: ${name} has no label ${label}`),
      ),
    ]);
    expect(wrong).toEqual([]);
    expect(expressions.length).toBeGreaterThan(80);
  });

  it("are dashboards in the shape of Grafana, whose panels neither share an id nor a place", () => {
    expect(dashboards.map(({ dashboard }) => dashboard.uid).toSorted()).toEqual([
      "capfn-functions",
      "capfn-hub",
      "capfn-machines",
    ]);
    for (const { path, dashboard } of dashboards) {
      const open = dashboard.panels.filter((panel) => panel.type !== "row" || !panel.collapsed);
      const cells = open.flatMap(({ gridPos: { x, y, w, h } }) =>
        Array.from({ length: w * h }, (_, n) => `${x + (n % w)},${y + Math.floor(n / w)}`),
      );
      expect(new Set(cells).size, path).toBe(cells.length);
      const all = [
        ...dashboard.panels,
        ...dashboard.panels.flatMap((panel) => (panel.type === "row" ? panel.panels : [])),
      ];
      expect(new Set(all.map(({ id }) => id)).size, path).toBe(all.length);
      expect(
        all.every(({ gridPos }) => gridPos.x + gridPos.w <= 24),
        path,
      ).toBe(true);
      for (const { targets } of panelsOf(dashboard)) {
        expect(new Set(targets.map(({ refId }) => refId)).size).toBe(targets.length);
      }
      const variables = dashboard.templating.list.map(({ name }) => name);
      const asked = panelsOf(dashboard).flatMap(({ targets }) => targets.map(({ expr }) => expr));
      const named = asked.flatMap((expr) => [...expr.matchAll(/\$(?!__)(\w+)/g)].map(([, name]) => name));
      expect(named.filter((name) => !variables.includes(name ?? ""))).toEqual([]);
    }
  });

  it("have a row for each function there is", () => {
    const functions = dashboards.find(({ dashboard }) => dashboard.uid === "capfn-functions")?.dashboard;
    const titles = functions?.panels.filter(({ type }) => type === "row").map(({ title }) => title);
    expect(titles?.slice(1)).toEqual(allFunctions.map(({ name }) => name));
  });

  it("are rules of which each has a test in which it fires", () => {
    const tests = readFileSync(join(repository, "manifests/prometheus/prometheus-rule.test.yaml"), "utf8");
    const parsed = z
      .object({
        tests: z.array(
          z.looseObject({
            alert_rule_test: z.array(
              z.looseObject({ alertname: z.string(), exp_alerts: z.array(z.unknown()).optional() }),
            ),
          }),
        ),
      })
      .parse(parse(tests));
    const fired = new Set(
      parsed.tests
        .flatMap(({ alert_rule_test: each }) => each)
        .filter(({ exp_alerts: alerts = [] }) => alerts.length > 0)
        .map(({ alertname }) => alertname),
    );
    expect(rules.map(({ alert }) => alert).filter((alert) => !fired.has(alert))).toEqual([]);
    expect(new Set(rules.map(({ alert }) => alert)).size).toBe(rules.length);
  });
});

it("the monitors select pods of capfn by the labels that all of them carry", () => {
  const monitors = parseAllDocuments(files.get("manifests/prometheus/monitors.yaml") ?? "").map(
    (document) => document.toJS() as { kind: string; spec: { selector: { matchLabels: object } } },
  );
  expect(monitors.map(({ kind }) => kind)).toEqual(["ServiceMonitor", "PodMonitor"]);
  for (const { spec } of monitors)
    expect(spec.selector.matchLabels).toMatchObject({ "app.kubernetes.io/name": "capfn" });
});
