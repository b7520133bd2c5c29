import * as z from "zod";
import { createMetrics } from "#platform/observability/metrics.ts";

const described = z.object({
  name: z.string(),
  type: z.string(),
  help: z.string(),
  labelNames: z.array(z.string()),
});

/** Every metric of a hub, by path from the repository's root. */
export function generateMetricsPage(): Map<string, string> {
  const { registry } = createMetrics(() => {
    throw new Error("nothing is scraped here");
  });
  const rows = registry
    .getMetricsAsArray()
    .map((metric) => described.parse(metric))
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
    .map(({ name, type, help, labelNames }) => {
      const labels = labelNames.map((label) => `\`${label}\``).join(", ");
      return `| \`${name}\` | ${type} | ${labels} | ${help} |`;
    });
  const page = [
    '<!-- Generated from platform/observability by "npm run generate". Do not edit. -->',
    "# Metrics",
    "Names with `caphv_` are those of the Go provider, so that its dashboards and alerts go on. All figures are the hub's: a function at zero has nobody to ask. Rules and dashboards are in `manifests/prometheus` and `manifests/grafana`.",
    ["| Metric | Type | Labels | Meaning |", "| --- | --- | --- | --- |", ...rows].join("\n"),
  ];
  return new Map([["docs/reference/metrics.md", `${page.join("\n\n")}\n`]]);
}
