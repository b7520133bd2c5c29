import type { ChildProcess } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { stringify } from "yaml";
import { remediationRequestSchema, type RemediationRequest } from "#api/remediation-request.ts";
import { freePorts } from "#platform/control-plane/free-ports.ts";
import { remediationRequests } from "#platform/kube/resources.ts";
import { endCapfn, startCapfn, type RunningCommand } from "#test/support/command-line.ts";
import { clientOf, kubeconfigOf, newNamespace, sharedManagement } from "#test/support/control-planes.ts";
import { startAlertmanager } from "#test/support/debian-programs.ts";
import { suggestedRoute } from "#test/support/suggested-route.ts";
import { watchRequests } from "#test/support/seen-requests.ts";

/** An alert as Prometheus tells it. */
export interface ToldAlert {
  readonly labels: Readonly<Record<string, string>>;
  readonly startsAt: string;
  readonly endsAt?: string;
}

/** A namespace on the shared API server, a capfn with its ingress that can be killed and started again, and a real Alertmanager. */
export async function alertStage() {
  const management = clientOf(sharedManagement());
  const directory = await mkdtemp(join(tmpdir(), "capfn-alerts-"));
  const namespace = await newNamespace(management, "alerts");
  const [ingressPort = 0, alertmanagerPort = 0, replicaPort = 0] = await freePorts(3);
  const kubeconfig = join(directory, "kubeconfig");
  const token = join(directory, "token");
  const alertmanagerUrl = `http://127.0.0.1:${alertmanagerPort}`;
  const started: ChildProcess[] = [];
  await writeFile(kubeconfig, kubeconfigOf(sharedManagement(), "capfn"), { mode: 0o600 });
  await writeFile(token, "the-token", { mode: 0o600 });
  const senders = [
    { name: "alertmanager", tokenFile: token, paths: ["/alerts", "/events"], requestsPerSecond: 500 },
  ];
  const alertmanagers = [{ url: alertmanagerUrl, receiver: "capfn", everySeconds: 5 }];
  await writeFile(join(directory, "ingress.yaml"), stringify({ senders, alertmanagers }));
  const start = async (root: string, port: number): Promise<void> => {
    const configFile = join(directory, "alertmanager.yaml");
    await writeFile(configFile, await suggestedRoute(`http://127.0.0.1:${ingressPort}/alerts`, token));
    started.push(startAlertmanager(root, { configFile, storage: join(directory, `data-${port}`), port }));
    await until(() =>
      fetch(`http://127.0.0.1:${port}/-/ready`).then(
        ({ ok }) => ok,
        () => false,
      ),
    );
  };
  return {
    directory,
    namespace,
    kubeconfig,
    token,
    ingressUrl: `http://127.0.0.1:${ingressPort}`,
    /** `capfn run` with its ingress, listening. */
    startIngress: async (): Promise<RunningCommand> => {
      const started = startCapfn(
        "run",
        "--kubeconfig",
        kubeconfig,
        `--namespace=${namespace}`,
        `--ledger-namespace=${namespace}`,
        `--ingress-bind-address=127.0.0.1:${ingressPort}`,
        `--ingress-config=${join(directory, "ingress.yaml")}`,
        "--request-rate=500",
        "--metrics-bind-address=0",
        "--health-probe-bind-address=127.0.0.1:0",
      );
      await started.line(/"addresses":/);
      return started;
    },
    /** The Alertmanager of a package, with the route of manifests/prometheus. */
    startAlertmanager: (root: string) => start(root, alertmanagerPort),
    /** A second one that knows nothing of the first, as replicas do while their network is cut. Answers how to tell it of alerts. */
    startReplica: async (root: string) => {
      await start(root, replicaPort);
      return (alerts: readonly ToldAlert[]) => tell(replicaPort, alerts);
    },
    /** Tells Alertmanager of alerts, as Prometheus does. */
    tell: (alerts: readonly ToldAlert[]) => tell(alertmanagerPort, alerts),
    stored: async (): Promise<RemediationRequest[]> => {
      const found: RemediationRequest[] = [];
      for await (const each of management.list(remediationRequests, { namespace }))
        found.push(remediationRequestSchema.parse(each));
      return found;
    },
    /** What becomes of the alerts from now on. */
    watch: () => watchRequests(management, namespace),
    stop: async () => {
      for (const each of started) each.kill("SIGKILL");
      endCapfn();
      management.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

async function tell(port: number, alerts: readonly ToldAlert[]): Promise<void> {
  const answer = await fetch(`http://127.0.0.1:${port}/api/v2/alerts`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(alerts),
  });
  if (answer.status !== 200) throw new Error(`Alertmanager answers ${answer.status}`);
}

/** Resolves when the condition holds. */
export async function until(condition: () => boolean | Promise<boolean>, ms = 60_000): Promise<void> {
  const end = performance.now() + ms;
  while (!(await condition())) {
    if (performance.now() > end) throw new Error(`not within ${ms} ms`);
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
}

/** Ends a process as a crash would. */
export async function crash(running: RunningCommand): Promise<void> {
  running.process.kill("SIGKILL");
  await running.ended;
}
