import { stringify } from "yaml";
import type { ControlPlaneHost } from "#platform/control-plane/host.ts";
import { editedForKind, type PublishedManifest } from "#test/e2e/cluster/components/edits.ts";
import { provideImages } from "#test/e2e/cluster/components/images.ts";
import {
  kedaManifests,
  knativeCrds,
  kourierManifests,
  servingManifests,
} from "#test/e2e/cluster/components/published.ts";
import type { Cluster } from "#test/e2e/cluster/machine/cluster.ts";
import { until } from "#test/e2e/until.ts";

/** The manifests as one text. */
export function yamlOf(manifests: readonly unknown[]): string {
  const options = { lineWidth: 0, aliasDuplicateObjects: false };
  return manifests.map((manifest) => stringify(manifest, options)).join("---\n");
}

/** Installs KEDA, and waits until its webhook and its metrics API serve: a ready pod does not say that. */
export async function installKeda(host: ControlPlaneHost, cluster: Cluster): Promise<void> {
  await provideImages(host, cluster, "keda");
  host.progress("installing KEDA, 5 to 30 seconds");
  await apply(cluster, await kedaManifests(host));
  const bundle = "jsonpath={.webhooks[0].clientConfig.caBundle}";
  await until(
    "KEDA has given its webhook its certificate authority",
    async () =>
      (await cluster.kubectl(
        "get",
        "validatingwebhookconfiguration",
        "keda-admission",
        "--output",
        bundle,
      )) !== "",
    180_000,
  );
  await available(cluster, "keda");
  await metricsServed(host, cluster);
}

const METRICS = "v1beta1.external.metrics.k8s.io";

/** The API server reaches KEDA's metrics, which need the certificates that the operator makes after its first start. */
async function metricsServed(host: ControlPlaneHost, cluster: Cluster): Promise<void> {
  const wait = (seconds: number): Promise<string> =>
    cluster.kubectl("wait", "apiservice", METRICS, "--for=condition=Available", `--timeout=${seconds}s`);
  const served = await wait(60).catch(() => undefined);
  if (served !== undefined) return;
  const said = await cluster.kubectl(
    "get",
    "apiservice",
    METRICS,
    "--output",
    "jsonpath={.status.conditions}",
  );
  host.progress(`KEDA's metrics are not reached, its metrics server is started again: ${said}`);
  await cluster.kubectl("rollout", "restart", "deployment/keda-metrics-apiserver", "--namespace", "keda");
  await wait(180);
}

/** Installs Knative Serving with Kourier, and waits until all of it is available. */
export async function installKnative(host: ControlPlaneHost, cluster: Cluster): Promise<void> {
  await provideImages(host, cluster, "knative");
  host.progress("installing Knative Serving and Kourier, 8 to 40 seconds");
  const crds = await knativeCrds(host);
  await apply(cluster, crds);
  await cluster.kubectl(
    "wait",
    "--for=condition=Established",
    "--timeout=120s",
    ...crds
      .filter(({ kind }) => kind === "CustomResourceDefinition")
      .map(({ metadata }) => `crd/${metadata.name}`),
  );
  await apply(cluster, await servingManifests(host));
  await apply(cluster, await kourierManifests(host));
  for (const namespace of ["knative-serving", "kourier-system"]) await available(cluster, namespace);
}

async function apply(cluster: Cluster, manifests: readonly PublishedManifest[]): Promise<void> {
  await cluster.apply(yamlOf(editedForKind(manifests)));
}

/** Resolves when every Deployment of a namespace is available. */
export async function available(cluster: Pick<Cluster, "kubectl">, namespace: string): Promise<void> {
  await cluster.kubectl(
    "wait",
    "deployment",
    "--all",
    "--namespace",
    namespace,
    "--for=condition=Available",
    "--timeout=300s",
  );
}
