import type { ChildProcess } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { stringify } from "yaml";
import { generateCrds } from "#cli/generate/crds.ts";
import { labUsers } from "#cli/lab/lab.ts";
import { kubeObjectManifests } from "#cli/lab/manifests.ts";
import { clusterApiCrds } from "#platform/control-plane/cluster-api-core.ts";
import { startControlPlane } from "#platform/control-plane/control-plane.ts";
import { startEtcd } from "#platform/control-plane/etcd.ts";
import { freePorts } from "#platform/control-plane/free-ports.ts";
import type { ControlPlaneHost } from "#platform/control-plane/host.ts";
import { installManifests } from "#platform/control-plane/install-manifests.ts";
import type { KubeClient } from "#platform/kube/client.ts";
import { namespaces } from "#platform/kube/resources.ts";
import { createKubeClient } from "#platform/kube/rest.ts";
import { namespace } from "#test/bench/bench-world.ts";
import { type OperatorProcess, startOperatorProcess } from "#test/bench/operator-process.ts";
import { until } from "#test/bench/pacing.ts";
import { parseMetrics, type Scrape } from "#test/bench/scrape.ts";
import { startAlertmanager } from "#test/support/debian-programs.ts";
import { suggestedRoute } from "#test/support/suggested-route.ts";

/** A management API server, a real Alertmanager with the route of manifests/prometheus, and capfn with its ingress as often as it is started. */
export interface AlertWorld extends AsyncDisposable {
  readonly client: KubeClient;
  readonly namespace: string;
  /** Starts capfn, which then listens where Alertmanager sends. Only one runs at a time. */
  startCapfn(): Promise<OperatorProcess>;
  /** Tells Alertmanager that these Nodes are down, as Prometheus does. */
  tell(nodes: readonly string[]): Promise<void>;
  /** Alertmanager's own metrics. */
  scrapeAlertmanager(): Promise<Scrape>;
}

const NAMESPACE = "alerts";
/** Above what the machine can do, so that this is what is measured. */
const PER_SECOND = 1_000;
const TOLD_AT_ONCE = 500;

export async function startAlertWorld(host: ControlPlaneHost, alertmanagerRoot: string): Promise<AlertWorld> {
  await using started = new AsyncDisposableStack();
  const { clock } = host;
  const directory = await mkdtemp(join(tmpdir(), "capfn-bench-alerts-"));
  started.defer(() => rm(directory, { recursive: true, force: true }));
  const etcd = started.use(await startEtcd(host));
  const users = [{ name: labUsers.capfn, groups: ["system:masters"], token: "capfn-token" }];
  const plane = started.use(await startControlPlane(host, { name: "management", etcd, users }));
  const client = started.adopt(createKubeClient(plane.clientConfig, { clock }), (each) => each.close());
  const ours = kubeObjectManifests([...generateCrds().values()].join("---\n"));
  await installManifests(client, [...(await clusterApiCrds(host)), ...ours], clock);
  await client.create(namespaces, namespace(NAMESPACE));

  const [ingressPort = 0, alertmanagerPort = 0] = await freePorts(2);
  const url = `http://127.0.0.1:${alertmanagerPort}`;
  const token = join(directory, "token");
  await writeFile(token, "the-token", { mode: 0o600 });
  const ingressConfig = join(directory, "ingress.yaml");
  const senders = [{ name: "am", tokenFile: token, paths: ["/alerts"], requestsPerSecond: PER_SECOND }];
  await writeFile(ingressConfig, stringify({ senders }));
  const configFile = join(directory, "alertmanager.yaml");
  await writeFile(configFile, await suggestedRoute(`http://127.0.0.1:${ingressPort}/alerts`, token));
  const options = { configFile, storage: join(directory, "data"), port: alertmanagerPort };
  started.adopt(startAlertmanager(alertmanagerRoot, options), (process: ChildProcess) => {
    process.kill("SIGKILL");
  });
  const isUp = () =>
    fetch(`${url}/-/ready`).then(
      ({ ok }) => ok,
      () => false,
    );
  await until(clock, "Alertmanager is ready", { holds: isUp, timeoutMs: 60_000 });
  const startsAt = new Date(clock.now() - 60_000).toISOString();
  // Not told again, an alert without an end is over for Alertmanager after five minutes.
  const endsAt = new Date(clock.now() + 3_600_000).toISOString();
  const running = started.move();
  return {
    client,
    namespace: NAMESPACE,
    startCapfn: () =>
      startOperatorProcess(plane.kubeconfigFor(labUsers.capfn), clock, {
        program: "built",
        arguments: [
          `--namespace=${NAMESPACE}`,
          `--ledger-namespace=${NAMESPACE}`,
          `--ingress-bind-address=127.0.0.1:${ingressPort}`,
          `--ingress-config=${ingressConfig}`,
          `--request-rate=${PER_SECOND}`,
        ],
      }),
    tell: async (nodes) => {
      for (let at = 0; at < nodes.length; at += TOLD_AT_ONCE) {
        const alerts = nodes.slice(at, at + TOLD_AT_ONCE).map((node) => ({
          labels: { alertname: "NodeNotReady", remediation: "capfn", cluster: "shop", node },
          startsAt,
          endsAt,
        }));
        const body = JSON.stringify(alerts);
        const headers = { "content-type": "application/json" };
        const answer = await fetch(`${url}/api/v2/alerts`, { method: "POST", headers, body });
        if (!answer.ok) throw new Error(`Alertmanager answers ${answer.status}`);
      }
    },
    scrapeAlertmanager: async () => parseMetrics(await (await fetch(`${url}/metrics`)).text()),
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}
