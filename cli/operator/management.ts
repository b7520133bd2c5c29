import { inClusterConfig } from "#platform/kube/in-cluster.ts";
import { loadKubeconfig } from "#platform/kube/kubeconfig-file.ts";
import type { ConnectionConfig } from "#platform/kube/connection-config.ts";
import { MANAGEMENT } from "#platform/kube/view.ts";
import type { Clock } from "#platform/process/clock.ts";
import type { Environment } from "#platform/process/environment.ts";

export interface ManagementChoice {
  readonly kubeconfig?: string | undefined;
  readonly context?: string | undefined;
}

/** The management cluster: a kubeconfig when one is named, else the pod's own cluster, else the person's default kubeconfig. */
export async function managementConfig(
  choice: ManagementChoice,
  clock: Clock,
  environment: Environment,
): Promise<ConnectionConfig> {
  const named = choice.kubeconfig !== undefined || choice.context !== undefined;
  const inCluster = named ? undefined : inClusterConfig(MANAGEMENT, { clock, environment });
  return inCluster ?? loadKubeconfig(MANAGEMENT, { clock, path: choice.kubeconfig, context: choice.context });
}
