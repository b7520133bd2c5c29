import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { stringify } from "yaml";
import { NAMESPACE } from "#cli/demo/stage.ts";
import { labUsers, type Lab } from "#cli/lab/lab.ts";
import { freePorts } from "#platform/control-plane/free-ports.ts";
import { capfn, startCapfn, type RunningCommand } from "#test/support/command-line.ts";
import { until } from "#test/e2e/until.ts";

/** Bearer token of the Alertmanager. */
export const INGRESS_TOKEN = "the-token-of-alertmanager";

/** How machines are remediated on the stage: at once, and with time for a machine that is busy. */
export const quickPolicy = { stepTimeoutSeconds: 20, cooldownSeconds: 0, maxAttempts: 3 } as const;

/** `capfn run` as a process of its own, with its ingress; and the commands a person types. */
export async function capfnProcess(lab: Lab, directory: string) {
  const [ingressPort = 0, metricsPort = 0, alertmanagerPort = 0, healthPort = 0] = await freePorts(4);
  const kubeconfig = join(directory, "capfn.kubeconfig");
  const token = join(directory, "token");
  const ingressConfig = join(directory, "ingress.yaml");
  const alertmanagerUrl = `http://127.0.0.1:${alertmanagerPort}`;
  await writeFile(kubeconfig, lab.management.kubeconfigFor(labUsers.capfn), { mode: 0o600 });
  await writeFile(token, INGRESS_TOKEN, { mode: 0o600 });
  await writeFile(
    ingressConfig,
    stringify({
      alertNamespace: NAMESPACE,
      remediation: { steps: ["Reboot"], ...quickPolicy },
      senders: [{ name: "alertmanager", tokenFile: token, paths: ["/alerts", "/events"] }],
      alertmanagers: [{ url: alertmanagerUrl, receiver: "capfn", everySeconds: 5 }],
    }),
  );
  const healthUrl = `http://127.0.0.1:${healthPort}`;
  const logs: string[] = [];
  let running: RunningCommand | undefined;
  const crash = async (): Promise<void> => {
    running?.process.kill("SIGKILL");
    logs.push((await running?.ended)?.stderr ?? "");
    running = undefined;
  };
  return {
    token,
    ingressUrl: `http://127.0.0.1:${ingressPort}`,
    metricsPort,
    alertmanagerPort,
    alertmanagerUrl,
    /** Ready: it has listed everything it looks at. */
    start: async (): Promise<void> => {
      const flags = {
        "--kubeconfig": kubeconfig,
        "--ledger-namespace": NAMESPACE,
        "--log-level": "debug",
        "--request-rate": "200",
        "--ingress-bind-address": `127.0.0.1:${ingressPort}`,
        "--ingress-config": ingressConfig,
        "--metrics-bind-address": `127.0.0.1:${metricsPort}`,
        "--health-probe-bind-address": `127.0.0.1:${healthPort}`,
      };
      running = startCapfn("run", ...Object.entries(flags).flat());
      const isReady = () =>
        fetch(`${healthUrl}/readyz`).then(
          ({ ok }) => ok,
          () => false,
        );
      await until("capfn is ready", isReady);
    },
    /** As when its node loses power. */
    crash,
    /** What a person types, and is answered. Throws when the command fails. */
    type: async (...args: string[]): Promise<string> => {
      const { code, stdout, stderr } = await capfn(...args, "--kubeconfig", lab.management.kubeconfigPath);
      if (code !== 0) throw new Error(`capfn ${args.join(" ")} ended with ${code}: ${stderr.trim()}`);
      return stdout.trim();
    },
    /** Everything it has logged so far, in all its lives; it is stopped for that. */
    endedLogs: async (): Promise<string> => {
      await crash();
      return logs.join("");
    },
  };
}

export type CapfnProcess = Awaited<ReturnType<typeof capfnProcess>>;
