import { inClusterConfig } from "#platform/kube/in-cluster.ts";
import type { ManagementSource } from "#cli/operator/management.ts";
import { KubeconfigError } from "#platform/kube/kubeconfig.ts";
import { selfContainedKubeconfig } from "#platform/kube/self-contained-kubeconfig.ts";
import { MANAGEMENT } from "#platform/kube/view.ts";

/**
 * The management cluster as a function in a pod knows it: a self-contained kubeconfig when one is named, else the pod's own cluster. Plug-ins
 * and a person's default kubeconfig are for `capfn serve`: what they take to load would be paid for by every start of a pod.
 *
 * @throws KubeconfigError
 */
export const podManagement: ManagementSource = async ({ kubeconfig: path, context }, clock, environment) => {
  if (path !== undefined) return selfContainedKubeconfig(MANAGEMENT, { clock, path, context });
  if (context !== undefined)
    throw new KubeconfigError("--context: is of a kubeconfig; name that, too, with --kubeconfig");
  const config = inClusterConfig(MANAGEMENT, { clock, environment });
  if (config !== undefined) return config;
  throw new KubeconfigError("this is no pod, so say where the management cluster is: --kubeconfig <path>");
};
