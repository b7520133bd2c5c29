import { allFunctions } from "#cli/functions.ts";
import { laidOut, type PanelWish, type Row } from "#cli/generate/monitoring/panels.ts";

/** A dashboard of Grafana, as its API and provisioning take it. */
export interface Dashboard {
  readonly description: string;
  readonly uid: string;
  readonly [more: string]: unknown;
}

const series = (title: string, unit: string, queries: PanelWish["queries"], width = 8): PanelWish => ({
  title,
  unit,
  kind: "timeseries",
  width,
  queries,
});

const figure = (title: string, expr: string, { bad, unit = "short" }: { bad?: number; unit?: string } = {}) =>
  ({
    title,
    unit,
    kind: "stat",
    width: 4,
    queries: [{ expr }],
    ...(bad !== undefined && { bad }),
  }) satisfies PanelWish;

const quantile = (q: number, metric: string, selector: string, by = "le") =>
  `histogram_quantile(${q}, sum by (${by}) (rate(${metric}_bucket${selector}[$__rate_interval])))`;

/** What hub and ingress do, and what waits. */
function hubRows(): Row[] {
  return [
    {
      title: "Now",
      panels: [
        figure("Processes that lead", "sum(capfn_leading)"),
        figure("Parked", "sum(capfn_parked)", { bad: 1 }),
        figure("API servers that do not answer", "sum(capfn_open_breakers)", { bad: 1 }),
        figure("In line", "sum(capfn_queue_length)"),
        figure("Oldest in line", "max(capfn_queue_oldest_age_seconds)", { bad: 60, unit: "s" }),
        figure("Objects known", "sum(capfn_index_objects)"),
      ],
    },
    {
      title: "Wake latency and queue",
      panels: [
        series("From a change to the handler's start", "s", [
          { expr: quantile(0.5, "capfn_wake_latency_seconds", ""), legend: "p50" },
          { expr: quantile(0.99, "capfn_wake_latency_seconds", ""), legend: "p99" },
        ]),
        series("Queue", "short", [
          { expr: "sum(capfn_queue_length)", legend: "in line" },
          { expr: "sum(capfn_in_flight)", legend: "under way" },
        ]),
        series("Steps by outcome", "ops", [
          { expr: "sum by (outcome) (rate(capfn_outcomes_total[$__rate_interval]))", legend: "{{outcome}}" },
        ]),
      ],
    },
    {
      title: "The outside world",
      panels: [
        series("Requests by API server and verb", "reqps", [
          {
            expr: "sum by (api, verb) (rate(capfn_requests_total[$__rate_interval]))",
            legend: "{{api}} {{verb}}",
          },
        ]),
        series("Requests that failed", "reqps", [
          {
            expr: 'sum by (api, status) (rate(capfn_requests_total{status!~"2.."}[$__rate_interval]))',
            legend: "{{api}} {{status}}",
          },
        ]),
        series("Watches that broke", "short", [
          { expr: "sum(increase(capfn_watch_disruptions_total[$__rate_interval]))", legend: "resumed" },
          {
            expr: "sum by (reason) (increase(capfn_watch_restarts_total[$__rate_interval]))",
            legend: "{{reason}}",
          },
          { expr: "sum(increase(capfn_missed_deltas_total[$__rate_interval]))", legend: "changes missed" },
        ]),
        series("Ingress", "reqps", [
          {
            expr: "sum by (path, status) (rate(capfn_ingress_requests_total[$__rate_interval]))",
            legend: "{{path}} {{status}}",
          },
        ]),
        series("Alerts", "ops", [
          {
            expr: "sum by (result) (rate(capfn_ingress_alerts_total[$__rate_interval]))",
            legend: "{{result}}",
          },
        ]),
        series("Free addresses of pools", "short", [
          { expr: "capfn_ippool_addresses_free", legend: "{{harvester}} {{pool}}" },
        ]),
      ],
    },
  ];
}

/** A row for each function there is, with its own words. */
function functionRows(): Row[] {
  const overview: Row = {
    title: "All functions",
    panels: [
      series("Steps", "ops", [
        { expr: "sum by (function) (rate(capfn_outcomes_total[$__rate_interval]))", legend: "{{function}}" },
      ]),
      series("Faults", "ops", [
        {
          expr: "sum by (function, cause) (rate(capfn_faults_total[$__rate_interval]))",
          legend: "{{function}} {{cause}}",
        },
      ]),
      series("Wake latency, p99", "s", [
        { expr: quantile(0.99, "capfn_wake_latency_seconds", "", "le, function"), legend: "{{function}}" },
      ]),
    ],
  };
  const each = allFunctions.map(({ name, summary }): Row => {
    const own = `{function="${name}"}`;
    return {
      title: name,
      collapsed: true,
      panels: [
        {
          ...series("Steps by outcome", "ops", [
            {
              expr: `sum by (outcome) (rate(capfn_outcomes_total${own}[$__rate_interval]))`,
              legend: "{{outcome}}",
            },
          ]),
          description: summary,
        },
        series("Wake latency", "s", [
          { expr: quantile(0.5, "capfn_wake_latency_seconds", own), legend: "p50" },
          { expr: quantile(0.99, "capfn_wake_latency_seconds", own), legend: "p99" },
        ]),
        series("Faults, and looks delayed because something undoes them", "ops", [
          { expr: `sum by (cause) (rate(capfn_faults_total${own}[$__rate_interval]))`, legend: "{{cause}}" },
          { expr: `sum(rate(capfn_thrash_delays_total${own}[$__rate_interval]))`, legend: "delayed" },
        ]),
      ],
    };
  });
  return [overview, ...each];
}

/** How machines fare, and what is about to run out. */
function machineRows(): Row[] {
  const chosen = '{cluster=~"$cluster"}';
  return [
    {
      title: "Machines",
      panels: [
        series("Machines that are not ready", "short", [
          { expr: `count by (cluster) (caphv_machine_status${chosen} == 0)`, legend: "{{cluster}}" },
        ]),
        series("Each machine: 1 is ready", "short", [
          { expr: `caphv_machine_status${chosen}`, legend: "{{machine}}" },
        ]),
        series("From creation to the first address", "s", [
          { expr: quantile(0.5, "caphv_machine_creation_duration_seconds", ""), legend: "p50" },
          { expr: quantile(0.99, "caphv_machine_creation_duration_seconds", ""), legend: "p99" },
        ]),
        series("VMs created and deleted", "short", [
          { expr: "sum(increase(caphv_machine_create_total[$__rate_interval]))", legend: "created" },
          { expr: "sum(increase(caphv_machine_delete_total[$__rate_interval]))", legend: "deleted" },
          {
            expr: "sum(increase(caphv_machine_create_errors_total[$__rate_interval]))",
            legend: "create failed",
          },
        ]),
        series("Remediation", "short", [
          { expr: "sum(increase(capfn_remediation_steps_total[$__rate_interval]))", legend: "steps" },
          {
            expr: "sum(increase(capfn_remediation_held_total[$__rate_interval]))",
            legend: "held by a guard",
          },
          {
            expr: "sum(increase(capfn_remediation_escalated_total[$__rate_interval]))",
            legend: "left to a person",
          },
        ]),
      ],
    },
    {
      title: "What runs out",
      panels: [
        series("Certificates of clusters", "d", [
          { expr: `capfn_certificate_days_left${chosen}`, legend: "{{cluster}} {{certificate}}" },
          { expr: `capfn_machine_certificate_days_left${chosen}`, legend: "{{cluster}} {{server}}" },
        ]),
        series("Certificates in Secrets", "d", [
          { expr: "capfn_secret_certificate_days_left", legend: "{{namespace}}/{{secret}}" },
          { expr: "capfn_incus_certificate_days_left", legend: "{{namespace}}/{{secret}} {{certificate}}" },
        ]),
        series("Age of the last snapshot of etcd", "s", [
          { expr: `capfn_etcd_snapshot_age_seconds${chosen}`, legend: "{{cluster}}" },
        ]),
      ],
    },
  ];
}

const source = { name: "datasource", type: "datasource", query: "prometheus", label: "Data source" } as const;
const clusterChoice = {
  name: "cluster",
  type: "query",
  label: "Cluster",
  datasource: { type: "prometheus", uid: "${datasource}" },
  query: "label_values(caphv_cluster_ready, cluster)",
  multi: true,
  includeAll: true,
  allValue: ".*",
  refresh: 2,
} as const;

/** All dashboards that are shipped. */
export function dashboards(): Dashboard[] {
  const dashboard = (
    uid: string,
    title: string,
    rows: readonly Row[],
    variables: readonly object[] = [],
  ) => ({
    description: 'Generated by "npm run generate". Do not edit.',
    uid,
    title,
    schemaVersion: 39,
    version: 1,
    tags: ["capfn", "cluster-api"],
    timezone: "",
    editable: true,
    refresh: "30s",
    time: { from: "now-6h", to: "now" },
    templating: { list: [source, ...variables] },
    panels: laidOut(rows),
  });
  return [
    dashboard("capfn-hub", "capfn: hub", hubRows()),
    dashboard("capfn-functions", "capfn: functions", functionRows()),
    dashboard("capfn-machines", "capfn: machines", machineRows(), [clusterChoice]),
  ];
}
