import type { Terminal } from "#cli/terminal.ts";
import { version } from "#cli/version.ts";
import type { KubeClient } from "#platform/kube/client.ts";
import { inClusterConfig } from "#platform/kube/in-cluster.ts";
import { kubeconfigUser, loadKubeconfig } from "#platform/kube/kubeconfig-file.ts";
import type { ConnectionConfig } from "#platform/kube/connection-config.ts";
import { createKubeClient } from "#platform/kube/rest.ts";
import { MANAGEMENT } from "#platform/kube/view.ts";
import type { Clock } from "#platform/process/clock.ts";
import type { Environment } from "#platform/process/environment.ts";

export interface ManagementChoice {
  readonly kubeconfig?: string | undefined;
  readonly context?: string | undefined;
}

/** How a process finds its management cluster. */
export type ManagementSource = (
  choice: ManagementChoice,
  clock: Clock,
  environment: Environment,
) => Promise<ConnectionConfig>;

/** The management cluster: a kubeconfig when one is named, else the pod's own cluster, else the person's default kubeconfig. */
export const managementConfig: ManagementSource = async (choice, clock, environment) => {
  const named = choice.kubeconfig !== undefined || choice.context !== undefined;
  const inCluster = named ? undefined : inClusterConfig(MANAGEMENT, { clock, environment });
  return inCluster ?? loadKubeconfig(MANAGEMENT, { clock, path: choice.kubeconfig, context: choice.context });
};

/** A client for commands that send a few requests and end. */
export async function managementClient(
  choice: ManagementChoice,
  { clock, environment, random }: Pick<Terminal, "clock" | "environment" | "random">,
): Promise<KubeClient> {
  const config = await managementConfig(choice, clock, environment);
  return createKubeClient(config, { clock, random, userAgent: `capfn/${version}` });
}

/** Who asks, as the kubeconfig calls them, for what is left behind in writing. */
export function personOf({ kubeconfig, context }: ManagementChoice): Promise<string> {
  return kubeconfigUser({ path: kubeconfig, context });
}
