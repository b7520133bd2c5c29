import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import * as z from "zod";
import { findBinary } from "#platform/control-plane/assets.ts";
import type { ControlPlane } from "#platform/control-plane/control-plane.ts";
import { freePorts } from "#platform/control-plane/free-ports.ts";
import type { ControlPlaneHost } from "#platform/control-plane/host.ts";
import { installManifests } from "#platform/control-plane/install-manifests.ts";
import { untilReady, withPortRetry } from "#platform/control-plane/readiness.ts";
import { startSupervised } from "#platform/control-plane/supervised-process.ts";
import { clusterApiManifests, type Manifest } from "#platform/control-plane/third-party-manifests.ts";
import type { KubeClient } from "#platform/kube/client.ts";

/** Which API versions of a CustomResourceDefinition speak which Cluster API contract; core looks for these labels. */
const CONTRACT_LABELS = { "cluster.x-k8s.io/v1beta1": "v1beta1", "cluster.x-k8s.io/v1beta2": "v1beta2" };

const crdSchema = z.looseObject({ spec: z.looseObject({}) });
const webhooksSchema = z.looseObject({
  webhooks: z.array(
    z.looseObject({ clientConfig: z.looseObject({ service: z.looseObject({ path: z.string() }) }) }),
  ),
});

/** A running Cluster API core manager. */
export interface ClusterApiCore extends AsyncDisposable {
  readonly logPath: string;
  stop(): Promise<void>;
}

/**
 * CustomResourceDefinitions of Cluster API core v1.14.2 for an API server on which core does not run: without conversion, so only
 * objects of version v1beta2 may be used, and without defaulting.
 */
export async function clusterApiCrds(host: ControlPlaneHost): Promise<Manifest[]> {
  const manifests = await clusterApiManifests(host);
  return manifests.filter((manifest) => manifest.kind === "CustomResourceDefinition").map(withContractLabels);
}

/**
 * Installs Cluster API core v1.14.2 (CustomResourceDefinitions, conversion, defaulting and validating webhooks) on a control plane
 * and runs its manager as the control plane's user `user` (`admin` when absent). Resolves when manager and webhooks are ready.
 * `client` needs the rights of an administrator.
 */
export async function startClusterApiCore(
  host: ControlPlaneHost,
  controlPlane: ControlPlane,
  client: KubeClient,
  user = "admin",
): Promise<ClusterApiCore> {
  const binary = await findBinary(host, "cluster-api-core");
  const manifests = await clusterApiManifests(host);
  const directory = join(controlPlane.directory, "cluster-api-core");
  await mkdir(directory, { recursive: true });
  const kubeconfigPath = join(directory, "kubeconfig");
  const serving = await controlPlane.certificateAuthority.issue("CN=cluster-api-core", [{ ip: "127.0.0.1" }]);
  await writeFile(join(directory, "tls.crt"), serving.certPem);
  await writeFile(join(directory, "tls.key"), serving.keyPem, { mode: 0o600 });
  await writeFile(kubeconfigPath, controlPlane.kubeconfigFor(user), { mode: 0o600 });

  return withPortRetry(async () => {
    const [webhookPort, healthPort, diagnosticsPort] = await freePorts(3);
    const endpoint = {
      url: `https://127.0.0.1:${webhookPort}`,
      caBundle: Buffer.from(controlPlane.caPem).toString("base64"),
    };
    await installManifests(
      client,
      manifests.map((manifest) => servedAt(manifest, endpoint)),
      host.clock,
    );
    const manager = startSupervised({
      name: "Cluster API core",
      command: binary,
      args: [
        `--kubeconfig=${kubeconfigPath}`,
        "--leader-elect=false",
        `--webhook-port=${webhookPort}`,
        `--webhook-cert-dir=${directory}`,
        `--health-addr=127.0.0.1:${healthPort}`,
        `--diagnostics-address=127.0.0.1:${diagnosticsPort}`,
        "--insecure-diagnostics",
      ],
      variables: { POD_NAMESPACE: "default" },
      directory,
      logPath: join(directory, "cluster-api-core.log"),
      clock: host.clock,
    });
    const stop = (): Promise<void> => manager.stop();
    try {
      await untilReady(manager, { url: `http://127.0.0.1:${healthPort}/readyz` }, host.clock);
    } catch (error) {
      await stop();
      throw error;
    }
    return { logPath: manager.logPath, stop, [Symbol.asyncDispose]: stop };
  });
}

interface WebhookEndpoint {
  /** `https://127.0.0.1:port`. */
  readonly url: string;
  /** PEM, base64. */
  readonly caBundle: string;
}

/**
 * A manifest that asks for its webhooks at a URL: the manager runs beside the API server, not as a Service in a cluster. The
 * paths stay what the manager serves; conversion is always at `/convert`.
 */
export function servedAt(manifest: Manifest, endpoint: WebhookEndpoint): Manifest {
  if (manifest.kind === "CustomResourceDefinition") {
    const { spec } = crdSchema.parse(manifest);
    const clientConfig = { ...endpoint, url: `${endpoint.url}/convert` };
    const conversion = { strategy: "Webhook", webhook: { conversionReviewVersions: ["v1"], clientConfig } };
    return { ...withContractLabels(manifest), spec: { ...spec, conversion } };
  }
  const { webhooks } = webhooksSchema.parse(manifest);
  return {
    ...manifest,
    // The names in the module are generic; every provider's are the same.
    metadata: { ...manifest.metadata, name: `capi-${manifest.metadata.name}` },
    webhooks: webhooks.map((webhook) => ({
      ...webhook,
      clientConfig: { ...endpoint, url: `${endpoint.url}${webhook.clientConfig.service.path}` },
    })),
  };
}

/** The manifest with the labels by which core finds the versions that speak its contracts. */
export function withContractLabels(manifest: Manifest): Manifest {
  return {
    ...manifest,
    metadata: { ...manifest.metadata, labels: { ...manifest.metadata.labels, ...CONTRACT_LABELS } },
  };
}
