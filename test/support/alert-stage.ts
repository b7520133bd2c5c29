import type { ChildProcess } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { stringify } from "yaml";
import { remediationRequestSchema, type RemediationRequest } from "#api/remediation-request.ts";
import { freePorts } from "#platform/control-plane/free-ports.ts";
import { remediationRequests } from "#platform/kube/resources.ts";
import { endCapfn, startCapfn, type RunningCommand } from "#test/support/command-line.ts";
import { clientOf, kubeconfigOf, newNamespace, sharedManagement } from "#test/support/control-planes.ts";
import { startAlertmanager } from "#test/support/debian-programs.ts";
import { repository } from "#test/support/documentation.ts";

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
  const [ingressPort = 0, alertmanagerPort = 0] = await freePorts(2);
  const kubeconfig = join(directory, "kubeconfig");
  const token = join(directory, "token");
  const alertmanagerUrl = `http://127.0.0.1:${alertmanagerPort}`;
  let alertmanager: ChildProcess | undefined;
  await writeFile(kubeconfig, kubeconfigOf(sharedManagement(), "capfn"), { mode: 0o600 });
  await writeFile(token, "the-token", { mode: 0o600 });
  const senders = [
    { name: "alertmanager", tokenFile: token, paths: ["/alerts", "/events"], requestsPerSecond: 500 },
  ];
  const alertmanagers = [{ url: alertmanagerUrl, receiver: "capfn", everySeconds: 5 }];
  await writeFile(join(directory, "ingress.yaml"), stringify({ senders, alertmanagers }));
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
    startAlertmanager: async (root: string): Promise<void> => {
      const configFile = await suggestedRoute(directory, `http://127.0.0.1:${ingressPort}/alerts`, token);
      alertmanager = startAlertmanager(root, {
        configFile,
        storage: join(directory, "data"),
        port: alertmanagerPort,
      });
      await until(() =>
        fetch(`${alertmanagerUrl}/-/ready`).then(
          ({ ok }) => ok,
          () => false,
        ),
      );
    },
    /** Tells Alertmanager of alerts, as Prometheus does. */
    tell: async (alerts: readonly ToldAlert[]): Promise<void> => {
      const answer = await fetch(`${alertmanagerUrl}/api/v2/alerts`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify(alerts),
      });
      if (answer.status !== 200) throw new Error(`Alertmanager answers ${answer.status}`);
    },
    stored: async (): Promise<RemediationRequest[]> => {
      const found: RemediationRequest[] = [];
      for await (const each of management.list(remediationRequests, { namespace }))
        found.push(remediationRequestSchema.parse(each));
      return found;
    },
    stop: async () => {
      alertmanager?.kill("SIGKILL");
      endCapfn();
      management.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/** Writes the Alertmanager configuration of manifests/prometheus for this receiver, with more haste. Answers with the file's path. */
export async function suggestedRoute(directory: string, url: string, tokenFile: string): Promise<string> {
  const suggested = await readFile(join(repository, "manifests/prometheus/alertmanager.yaml"), "utf8");
  const configFile = join(directory, "alertmanager.yaml");
  await writeFile(
    configFile,
    suggested
      .replace(/url: .*/, `url: ${url}`)
      .replace(/credentials_file: .*/, `credentials_file: ${tokenFile}`)
      .replace(/ca_file: .*/, "insecure_skip_verify: true")
      .replace("group_interval: 1m", "group_interval: 10s"),
  );
  return configFile;
}

/** Resolves when the condition holds. */
export async function until(condition: () => Promise<boolean>, ms = 60_000): Promise<void> {
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
