import type { ControlPlaneHost } from "#platform/control-plane/host.ts";
import { openCluster } from "#test/e2e/cluster/machine/cluster.ts";
import type { ClusterOptions } from "#test/e2e/cluster/options.ts";
import { stageOn, type Stage } from "#test/e2e/cluster/stage-on.ts";

/** Makes or takes a cluster and installs everything. What was changed is undone in the end, unless it is to be kept. */
export async function openStage(
  host: ControlPlaneHost,
  options: ClusterOptions,
): Promise<Stage & AsyncDisposable> {
  await using stack = new AsyncDisposableStack();
  const cluster = await openCluster(host, options.kubeconfig);
  const end = async (): Promise<void> => {
    if (options.keep) {
      host.progress(
        `kept: KUBECONFIG=${cluster.kubeconfigPath}; to undo everything: sh ${await cluster.undo.keep()}`,
      );
      return;
    }
    host.progress("putting everything back as it was");
    const left = await cluster.undo.run();
    if (left !== "") host.progress(`could not be put back: ${left}`);
  };
  stack.defer(end);
  endOnSignals(end, stack);
  const stage = await stageOn(host, cluster, options, stack);
  const running = stack.move();
  return { ...stage, [Symbol.asyncDispose]: () => running.disposeAsync() };
}

/** A second signal ends the process at once; what was changed is put back all the same, by a process of its own. */
function endOnSignals(end: () => Promise<void>, stack: AsyncDisposableStack): void {
  const onSignal = (): void => {
    process.exitCode = 130;
    void end().finally(() => process.exit());
  };
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.once(signal, onSignal);
    stack.defer(() => {
      process.off(signal, onSignal);
    });
  }
}
