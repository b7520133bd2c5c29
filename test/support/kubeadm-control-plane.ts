import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { findBinary } from "#platform/control-plane/assets.ts";
import { withContractLabels } from "#platform/control-plane/cluster-api-core.ts";
import type { ControlPlane } from "#platform/control-plane/control-plane.ts";
import { freePorts } from "#platform/control-plane/free-ports.ts";
import { installManifests } from "#platform/control-plane/install-manifests.ts";
import { untilReady, withPortRetry } from "#platform/control-plane/readiness.ts";
import { startSupervised, type SupervisedProcess } from "#platform/control-plane/supervised-process.ts";
import { kubeadmManifests } from "#platform/control-plane/third-party-manifests.ts";
import type { KubeClient } from "#platform/kube/client.ts";
import { testHost } from "#test/support/control-planes.ts";

/**
 * Installs the kinds of the kubeadm control plane provider, without conversion and admission: only v1beta2 may be used. Fetches or builds its
 * manager too, which may take minutes, so that starting it later takes seconds.
 */
export async function installKubeadmKinds(client: KubeClient): Promise<void> {
  const host = testHost();
  await findBinary(host, "kubeadm-control-plane");
  const manifests = await kubeadmManifests(host);
  await installManifests(client, manifests.map(withContractLabels), host.clock);
}

/** Runs the real manager of KubeadmControlPlane, as a user of the control plane. Its kinds are installed already. */
export async function startKubeadmControlPlane(
  plane: ControlPlane,
  user: string,
): Promise<SupervisedProcess> {
  const host = testHost();
  const command = await findBinary(host, "kubeadm-control-plane");
  const directory = join(plane.directory, "kubeadm-control-plane");
  await mkdir(directory, { recursive: true });
  const serving = await plane.certificateAuthority.issue("CN=kubeadm-control-plane", [{ ip: "127.0.0.1" }]);
  const kubeconfig = join(directory, "kubeconfig");
  await writeFile(join(directory, "tls.crt"), serving.certPem);
  await writeFile(join(directory, "tls.key"), serving.keyPem, { mode: 0o600 });
  await writeFile(kubeconfig, plane.kubeconfigFor(user), { mode: 0o600 });
  return withPortRetry(async () => {
    const [webhookPort, healthPort, diagnosticsPort] = await freePorts(3);
    const manager = startSupervised({
      name: "KubeadmControlPlane manager",
      command,
      args: [
        `--kubeconfig=${kubeconfig}`,
        "--leader-elect=false",
        `--webhook-port=${webhookPort}`,
        `--webhook-cert-dir=${directory}`,
        `--health-addr=127.0.0.1:${healthPort}`,
        `--diagnostics-address=127.0.0.1:${diagnosticsPort}`,
        "--insecure-diagnostics",
      ],
      variables: { POD_NAMESPACE: "default" },
      directory,
      logPath: join(directory, "kubeadm-control-plane.log"),
      clock: host.clock,
    });
    try {
      await untilReady(manager, { url: `http://127.0.0.1:${healthPort}/readyz` }, host.clock);
    } catch (error) {
      await manager.stop();
      throw error;
    }
    return manager;
  });
}
