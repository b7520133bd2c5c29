import * as z from "zod";
import { findBinary } from "#platform/control-plane/assets.ts";
import { startClusterApiManager } from "#platform/control-plane/cluster-api-manager.ts";
import type { ControlPlane } from "#platform/control-plane/control-plane.ts";
import type { ControlPlaneHost } from "#platform/control-plane/host.ts";
import { installManifests } from "#platform/control-plane/install-manifests.ts";
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
  const caBundle = Buffer.from(controlPlane.caPem).toString("base64");
  const manager = await startClusterApiManager(host, controlPlane, {
    title: "Cluster API core",
    name: "cluster-api-core",
    command: binary,
    user,
    prepare: (url) =>
      installManifests(
        client,
        manifests.map((manifest) => servedAt(manifest, { url, caBundle })),
        host.clock,
      ),
  });
  const stop = (): Promise<void> => manager.stop();
  return { logPath: manager.logPath, stop, [Symbol.asyncDispose]: stop };
}

interface WebhookEndpoint {
  /** `https://127.0.0.1:port`. */
  readonly url: string;
  /** PEM, base64. */
  readonly caBundle: string;
}

/**
 * A manifest that asks for its webhooks at a URL: the manager runs beside the API server, not as a Service in a cluster. The
 * paths stay what the manager serves; conversion is always at `/convert`. `prefix` tells the configurations of one provider from another's.
 */
export function servedAt(manifest: Manifest, endpoint: WebhookEndpoint, prefix = "capi"): Manifest {
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
    metadata: { ...manifest.metadata, name: `${prefix}-${manifest.metadata.name}` },
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
