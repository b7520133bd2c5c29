import { findBinary } from "#platform/control-plane/assets.ts";
import { withContractLabels } from "#platform/control-plane/cluster-api-core.ts";
import { startClusterApiManager } from "#platform/control-plane/cluster-api-manager.ts";
import type { ControlPlane } from "#platform/control-plane/control-plane.ts";
import { installManifests } from "#platform/control-plane/install-manifests.ts";
import type { SupervisedProcess } from "#platform/control-plane/supervised-process.ts";
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
  return startClusterApiManager(host, plane, {
    title: "KubeadmControlPlane manager",
    name: "kubeadm-control-plane",
    command: await findBinary(host, "kubeadm-control-plane"),
    user,
  });
}
