import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parse, stringify } from "yaml";
import * as z from "zod";
import { CLUSTER, NAMESPACE } from "#cli/demo/stage.ts";
import { freePorts } from "#platform/control-plane/free-ports.ts";
import type { Day2 } from "#test/e2e/day2/stage.ts";
import { until } from "#test/e2e/until.ts";
import {
  alertmanagerPackage,
  debianPackage,
  startAlertmanager,
  startPrometheus,
} from "#test/support/debian-programs.ts";
import { repository } from "#test/support/documentation.ts";
import { startNodeExporter } from "#test/support/node-exporter.ts";
import { suggestedRoute } from "#test/support/suggested-route.ts";

/** Seconds since the epoch, with milliseconds as decimals, and the value. */
const sampleSchema = z.tuple([z.number(), z.string()]);

/** An instant query of the HTTP API: one value of each series, or its values over a time. */
const answerSchema = z.looseObject({
  data: z.looseObject({
    result: z.array(
      z.looseObject({
        metric: z.looseObject({ alertstate: z.string().optional() }),
        value: sampleSchema.optional(),
        values: z.array(sampleSchema).default([]),
      }),
    ),
  }),
});

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
  const query = async (expression: string) => {
    const found = await fetch(`${url}/api/v1/query?query=${encodeURIComponent(expression)}`);
    return answerSchema.parse(await found.json()).data.result;
  };

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
  const route = join(directory, "alertmanager.yaml");
  await writeFile(route, await suggestedRoute(`${capfn.ingressUrl}/alerts`, capfn.token));
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
  // It scrapes its targets for the first time some seconds after it is ready.
  await until("Prometheus sees its targets", async () => {
    const found = await query("up");
    return found.length === 2 && found.every(({ value }) => value?.[1] === "1");
  });
  const running = stack.move();
  return {
    /** When the alert about this Node became active and when it fired, ms since the epoch, as soon as it has fired. */
    fired: (node: string): Promise<{ readonly active: number; readonly firing: number }> =>
      until(`the alert about Node ${node} has fired in Prometheus`, async () => {
        const series = await query(`ALERTS{node="${node}"}[1h]`);
        const first = (...states: string[]) =>
          Math.min(
            ...series
              .filter(({ metric }) => states.includes(metric.alertstate ?? ""))
              .flatMap(({ values }) => values.map(([seconds]) => seconds * 1000)),
          );
        const times = { active: first("pending", "firing"), firing: first("firing") };
        return Number.isFinite(times.firing) && times;
      }),
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
