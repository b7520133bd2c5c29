import { type BinaryName, findBinary } from "#platform/control-plane/assets.ts";
import { servedAt } from "#platform/control-plane/cluster-api-core.ts";
import { startClusterApiManager } from "#platform/control-plane/cluster-api-manager.ts";
import type { ControlPlane } from "#platform/control-plane/control-plane.ts";
import type { ControlPlaneHost } from "#platform/control-plane/host.ts";
import { installManifests } from "#platform/control-plane/install-manifests.ts";
import {
  clusterApiManifests,
  kubeadmBootstrapManifests,
  kubeadmControlPlaneManifests,
  type Manifest,
} from "#platform/control-plane/third-party-manifests.ts";
import type { KubeClient } from "#platform/kube/client.ts";

interface Provider {
  readonly title: string;
  readonly binary: BinaryName;
  readonly manifests: (host: ControlPlaneHost) => Promise<Manifest[]>;
}

/** In the order of what they need of each other. */
const PROVIDERS: readonly Provider[] = [
  { title: "Cluster API core", binary: "cluster-api-core", manifests: clusterApiManifests },
  { title: "kubeadm bootstrap provider", binary: "kubeadm-bootstrap", manifests: kubeadmBootstrapManifests },
  {
    title: "kubeadm control plane provider",
    binary: "kubeadm-control-plane",
    manifests: kubeadmControlPlaneManifests,
  },
];

/** All is looked at again far more often than every ten minutes: what is missed, or waited for by a timer, then delays a test by seconds only. */
const FLAGS = ["--feature-gates=ClusterTopology=true", "--sync-period=5s"];

/** What `clusterctl init` puts on all that a provider consists of; `clusterctl move` looks for it on CustomResourceDefinitions. */
const CLUSTERCTL_LABEL = { "clusterctl.cluster.x-k8s.io": "" };

/**
 * Installs Cluster API core and the kubeadm providers v1.14.2 with their webhooks on a control plane, as `clusterctl init` would, and runs
 * their managers as one of its users. Resolves when all are ready. `client` needs the rights of an administrator.
 */
export async function startProviders(
  host: ControlPlaneHost,
  plane: ControlPlane,
  client: KubeClient,
  user: string,
): Promise<AsyncDisposable> {
  await using started = new AsyncDisposableStack();
  const caBundle = Buffer.from(plane.caPem).toString("base64");
  const begin = async ({ title, binary, manifests }: Provider): Promise<void> => {
    const found = await manifests(host);
    const manager = await startClusterApiManager(host, plane, {
      title,
      name: binary,
      command: await findBinary(host, binary),
      user,
      flags: FLAGS,
      prepare: (url) =>
        installManifests(
          client,
          found.map((each) => labelled(servedAt(each, { url, caBundle }, binary))),
          host.clock,
        ),
    });
    started.defer(() => manager.stop());
  };
  // Each ends at once when the kinds of those before it are not there.
  for (const provider of PROVIDERS) await begin(provider);
  const running = started.move();
  return { [Symbol.asyncDispose]: () => running.disposeAsync() };
}

function labelled(manifest: Manifest): Manifest {
  const { metadata } = manifest;
  return { ...manifest, metadata: { ...metadata, labels: { ...metadata.labels, ...CLUSTERCTL_LABEL } } };
}
