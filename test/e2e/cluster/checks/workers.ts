import { leftovers } from "#cli/demo/leftovers.ts";
import { applyExample, CLUSTER, DEPLOYMENT, NAMESPACE } from "#cli/demo/stage.ts";
import { left, startWitness, up, type Witness } from "#cli/demo/witness.ts";
import { clusters, machineDeployments } from "#platform/kube/resources.ts";
import type { Stage } from "#test/e2e/cluster/stage-on.ts";
import { until } from "#test/e2e/until.ts";

/** Longest one act may take when much else runs on this machine. */
export const ACT_MS = 300_000;

/** Cluster `demo` with so many workers, whatever was there before; each has joined. */
export async function withWorkers(stage: Stage, count: number): Promise<void> {
  const { management } = stage.client;
  if ((await management.get(clusters, { namespace: NAMESPACE, name: CLUSTER })) === undefined) {
    await applyExample(management, stage.host.clock, "cluster.yaml");
    await applyExample(management, stage.host.clock, "workers.yaml");
  }
  await scaled(stage, count);
  await watched(stage, (witness) => witness.until(`${count} workers are up`, up(count), ACT_MS));
}

/** Looks with a witness for as long as `act` takes. */
export async function watched<T>(stage: Stage, act: (witness: Witness) => Promise<T>): Promise<T> {
  const witness = startWitness(stage, stage.host.clock, () => undefined);
  try {
    return await act(witness);
  } finally {
    witness.stop();
  }
}

export async function scaled({ client }: Stage, replicas: number): Promise<void> {
  await client.management.mergePatch(
    machineDeployments,
    { namespace: NAMESPACE, name: DEPLOYMENT },
    { spec: { replicas } },
  );
}

/** Deletes the cluster and resolves when nothing of it is left anywhere. */
export async function withoutCluster(stage: Stage): Promise<void> {
  const { management } = stage.client;
  const name = { namespace: NAMESPACE, name: CLUSTER };
  const cluster = await management.get(clusters, name);
  await watched(stage, async (witness) => {
    if (cluster !== undefined)
      await management.delete(clusters, name, { uid: cluster.metadata.uid, propagation: "Background" });
    await witness.until("no worker is left", left(0), ACT_MS);
  });
  await until(
    "the Cluster is gone",
    async () => (await management.get(clusters, name)) === undefined,
    ACT_MS,
  );
  const behind = await leftovers(stage);
  if (behind.length > 0) throw new Error(`left behind: ${behind.join(", ")}`);
}
