import { join } from "node:path";
import { findBinary } from "#platform/control-plane/assets.ts";
import { freePort } from "#platform/control-plane/free-ports.ts";
import type { ControlPlaneHost } from "#platform/control-plane/host.ts";
import type { CertificateAuthority } from "#platform/control-plane/certificates.ts";
import type { ApiServerFiles } from "#platform/control-plane/kube-apiserver.ts";
import { untilReady, withPortRetry } from "#platform/control-plane/readiness.ts";
import { startSupervised, type SupervisedProcess } from "#platform/control-plane/supervised-process.ts";

/** Controllers that a control plane without nodes needs: deletion of namespaces and dependents, service accounts and tokens. */
export const BASIC_CONTROLLERS: readonly string[] = [
  "garbage-collector-controller",
  "namespace-controller",
  "serviceaccount-controller",
  "serviceaccount-token-controller",
  "root-ca-certificate-publisher-controller",
];

/** Whom a kube-controller-manager works for, and what it is to do. */
export interface ControllerManagerOptions {
  readonly files: ApiServerFiles;
  readonly authority: Pick<CertificateAuthority, "certPem">;
  readonly kubeconfigPath: string;
  /** Names as in its `--controllers` flag. */
  readonly controllers: readonly string[];
}

/** Starts kube-controller-manager with just these controllers, as the user of `kubeconfigPath`, and waits until it is healthy. */
export async function startControllerManager(
  host: ControlPlaneHost,
  options: ControllerManagerOptions,
): Promise<SupervisedProcess> {
  const { files, kubeconfigPath, controllers } = options;
  const binary = await findBinary(host, "kube-controller-manager");
  return withPortRetry(async () => {
    const port = await freePort();
    const process = startSupervised({
      name: "kube-controller-manager",
      command: binary,
      args: [
        `--kubeconfig=${kubeconfigPath}`,
        "--bind-address=127.0.0.1",
        `--secure-port=${port}`,
        `--tls-cert-file=${files.servingCert}`,
        `--tls-private-key-file=${files.servingKey}`,
        "--leader-elect=false",
        `--controllers=${controllers.join(",")}`,
        `--service-account-private-key-file=${files.serviceAccountKey}`,
        `--root-ca-file=${files.caCert}`,
        "--use-service-account-credentials=false",
        "--profiling=false",
      ],
      directory: files.directory,
      logPath: join(files.directory, "kube-controller-manager.log"),
      clock: host.clock,
    });
    try {
      // Its healthz is open to anybody (always-allow-paths of generic API servers).
      const url = `https://127.0.0.1:${port}/healthz`;
      await untilReady(process, { url, caPem: options.authority.certPem }, host.clock);
    } catch (error) {
      await process.stop();
      throw error;
    }
    return process;
  });
}
