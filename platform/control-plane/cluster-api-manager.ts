import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { ControlPlane } from "#platform/control-plane/control-plane.ts";
import { freePorts } from "#platform/control-plane/free-ports.ts";
import type { ControlPlaneHost } from "#platform/control-plane/host.ts";
import { untilReady, withPortRetry } from "#platform/control-plane/readiness.ts";
import { startSupervised, type SupervisedProcess } from "#platform/control-plane/supervised-process.ts";

export interface ManagerOptions {
  /** For people. */
  readonly title: string;
  /** Of its folder, its log and its certificate. */
  readonly name: string;
  /** Path of the program. */
  readonly command: string;
  /** User of the control plane it works as. */
  readonly user: string;
  /** Further flags, e.g. `--feature-gates=ClusterTopology=true`. */
  readonly flags?: readonly string[];
  /** What has to be there before it starts and names where its webhooks will be, e.g. `https://127.0.0.1:9443`. */
  readonly prepare?: (webhookUrl: string) => Promise<void>;
}

/** Runs a manager of Cluster API beside a control plane. Resolves when it is ready; all its providers take the same flags. */
export async function startClusterApiManager(
  { clock }: Pick<ControlPlaneHost, "clock">,
  controlPlane: ControlPlane,
  { title, name, command, user, flags = [], prepare }: ManagerOptions,
): Promise<SupervisedProcess> {
  const directory = join(controlPlane.directory, name);
  await mkdir(directory, { recursive: true });
  const kubeconfig = join(directory, "kubeconfig");
  const serving = await controlPlane.certificateAuthority.issue(`CN=${name}`, [{ ip: "127.0.0.1" }]);
  await writeFile(join(directory, "tls.crt"), serving.certPem);
  await writeFile(join(directory, "tls.key"), serving.keyPem, { mode: 0o600 });
  await writeFile(kubeconfig, controlPlane.kubeconfigFor(user), { mode: 0o600 });
  return withPortRetry(async () => {
    const [webhookPort, healthPort, diagnosticsPort] = await freePorts(3);
    await prepare?.(`https://127.0.0.1:${webhookPort}`);
    const manager = startSupervised({
      name: title,
      command,
      args: [
        `--kubeconfig=${kubeconfig}`,
        "--leader-elect=false",
        `--webhook-port=${webhookPort}`,
        `--webhook-cert-dir=${directory}`,
        `--health-addr=127.0.0.1:${healthPort}`,
        `--diagnostics-address=127.0.0.1:${diagnosticsPort}`,
        "--insecure-diagnostics",
        ...flags,
      ],
      variables: { POD_NAMESPACE: "default" },
      directory,
      logPath: join(directory, `${name}.log`),
      clock,
    });
    try {
      await untilReady(manager, { url: `http://127.0.0.1:${healthPort}/readyz` }, clock);
    } catch (error) {
      await manager.stop();
      throw error;
    }
    return manager;
  });
}
