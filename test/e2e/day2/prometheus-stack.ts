import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parse, stringify } from "yaml";
import * as z from "zod";
import { CLUSTER, NAMESPACE } from "#cli/demo/stage.ts";
import { freePorts } from "#platform/control-plane/free-ports.ts";
import type { Day2 } from "#test/e2e/day2/stage.ts";
import { until } from "#test/e2e/until.ts";
import { suggestedRoute } from "#test/support/alert-stage.ts";
import {
  alertmanagerPackage,
  debianPackage,
  startAlertmanager,
  startPrometheus,
} from "#test/support/debian-programs.ts";
import { repository } from "#test/support/documentation.ts";
import { startNodeExporter } from "#test/support/node-exporter.ts";

const alertsSchema = z.looseObject({
  data: z.looseObject({
    alerts: z.array(
      z.looseObject({
        labels: z.record(z.string(), z.string()),
        state: z.string(),
        activeAt: z.iso.datetime({ offset: true }),
      }),
    ),
  }),
});
const listedSchema = z.array(
  z.looseObject({ labels: z.record(z.string(), z.string()), startsAt: z.iso.datetime({ offset: true }) }),
);

/**
 * Prometheus with the rules of manifests/prometheus, an exporter of the workload cluster's Nodes and capfn to scrape, and Alertmanager with the
 * route of manifests/prometheus. Only the waiting times are shorter. Throws with the mend when a program cannot be had.
 */
export async function startPrometheusStack({ lab, capfn, directory }: Day2) {
  await using stack = new AsyncDisposableStack();
  const [prometheus, alertmanager] = [await debianPackage("prometheus"), await alertmanagerPackage()];
  if ("missing" in prometheus) throw new Error(prometheus.missing);
  if ("missing" in alertmanager) throw new Error(alertmanager.missing);
  if (lab.client.workload === undefined) throw new Error("the stage has no workload cluster");
  const exporter = stack.use(await startNodeExporter(lab.client.workload));
  const [port = 0] = await freePorts(1);
  const url = `http://127.0.0.1:${port}`;

  const rules = join(directory, "capfn-rules.yaml");
  const shipped = await readFile(join(repository, "manifests/prometheus/prometheus-rule.yaml"), "utf8");
  const { spec } = z.looseObject({ spec: z.looseObject({}) }).parse(parse(shipped));
  await writeFile(rules, stringify(spec).replaceAll(/for: \d+m/g, "for: 1s"));
  const configFile = join(directory, "prometheus.yaml");
  const target = (targetPort: number) => [{ targets: [`127.0.0.1:${targetPort}`] }];
  await writeFile(
    configFile,
    stringify({
      global: {
        scrape_interval: "1s",
        evaluation_interval: "1s",
        external_labels: { cluster: CLUSTER, cluster_namespace: NAMESPACE },
      },
      rule_files: [rules],
      alerting: { alertmanagers: [{ static_configs: target(capfn.alertmanagerPort) }] },
      scrape_configs: [
        { job_name: "nodes", static_configs: target(exporter.port) },
        { job_name: "capfn", static_configs: target(capfn.metricsPort) },
      ],
    }),
  );
  const route = await suggestedRoute(directory, `${capfn.ingressUrl}/alerts`, capfn.token);
  const children = [
    startAlertmanager(alertmanager.root, {
      configFile: route,
      storage: join(directory, "alertmanager"),
      port: capfn.alertmanagerPort,
    }),
    startPrometheus(prometheus.root, { configFile, storage: join(directory, "prometheus"), port }),
  ];
  for (const child of children) stack.defer(() => void child.kill("SIGKILL"));
  for (const each of [url, capfn.alertmanagerUrl])
    await until(`${each} is ready`, () => answers(`${each}/-/ready`));
  const running = stack.move();
  return {
    /** When the alert about this Node became active, ms since the epoch, as soon as it fires. */
    firing: (node: string): Promise<number> =>
      until(`the alert about Node ${node} fires in Prometheus`, async () => {
        const { data } = alertsSchema.parse(await getJson(`${url}/api/v1/alerts`));
        const found = data.alerts.find(({ labels, state }) => labels["node"] === node && state === "firing");
        return found && Date.parse(found.activeAt);
      }),
    /** When it began to fire, ms since the epoch, as Alertmanager has it; undefined when it does not. */
    listed: async (node: string): Promise<number | undefined> => {
      const all = listedSchema.parse(await getJson(`${capfn.alertmanagerUrl}/api/v2/alerts?active=true`));
      const found = all.find(({ labels }) => labels["node"] === node);
      return found && Date.parse(found.startsAt);
    },
    /** How many times Alertmanager has tried to deliver in vain. */
    failedDeliveries: async (): Promise<number> => {
      const text = await (await fetch(`${capfn.alertmanagerUrl}/metrics`)).text();
      const pattern = /^alertmanager_notification_requests_failed_total\{integration="webhook"\} (\d+)/m;
      return Number(pattern.exec(text)?.[1] ?? 0);
    },
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}

export type PrometheusStack = Awaited<ReturnType<typeof startPrometheusStack>>;

function answers(url: string): Promise<boolean> {
  return fetch(url).then(
    ({ ok }) => ok,
    () => false,
  );
}

async function getJson(url: string): Promise<unknown> {
  return (await fetch(url)).json();
}
