import { NAMESPACE } from "#cli/demo/stage.ts";
import { up } from "#cli/demo/witness.ts";
import { SIMULATOR_NAMESPACE } from "#cli/simulate/place.ts";
import { virtualMachines } from "#platform/kube/resources.ts";
import { ACT_MS, scaled, watched, withWorkers } from "#test/e2e/cluster/checks/workers.ts";
import { crash, isReady, podsOf, staying } from "#test/e2e/cluster/pods.ts";
import type { Stage } from "#test/e2e/cluster/stage-on.ts";
import { sleep } from "#platform/process/clock.ts";
import type { Scenario } from "#test/e2e/scenario.ts";
import { claim, until } from "#test/e2e/until.ts";

/** How long a step hangs at Harvester before its pod is killed, ms. */
const HANGING_MS = 2_000;

/** A pod dies in the middle of a step: its call hangs at a Harvester that does not answer. */
export const functionKilled: Scenario<Stage> = {
  name: "function-killed",
  summary:
    "the pod of vm-create is killed in the middle of its step; another finishes it and nothing is made twice",
  play: async (stage) => {
    const { cluster, client } = stage;
    if (cluster.node === undefined) return "not done: the processes of a given cluster are not ours to kill";
    await withWorkers(stage, 1);
    const [simulator] = staying(await podsOf(cluster, "app=capfn-simulator", SIMULATOR_NAMESPACE));
    if (simulator === undefined) throw new Error("the simulator's pod is not there");
    const created = async (): Promise<string[]> => {
      const uids: string[] = [];
      for await (const { metadata } of client.harvester.list(virtualMachines, { namespace: NAMESPACE }))
        uids.push(metadata.uid);
      return uids;
    };
    const before = await created();
    await crash(cluster, simulator, "STOP", "harvester");
    let killed = "";
    try {
      await scaled(stage, 2);
      const pod = await until(
        "a function works at Harvester",
        async () =>
          (await podsOf(cluster, "capfn.dev/function in (vm-create,ip-allocate)")).find(isReady) ?? false,
        ACT_MS,
      );
      await sleep(stage.host.clock, HANGING_MS);
      await crash(cluster, pod, "KILL", containerOf(stage));
      killed = pod.metadata.labels["capfn.dev/function"] ?? "";
    } finally {
      await crash(cluster, simulator, "CONT", "harvester");
    }
    const since = stage.host.clock.monotonic();
    await watched(stage, (witness) => witness.until("two workers are up", up(2), ACT_MS));
    const took = ((stage.host.clock.monotonic() - since) / 1000).toFixed(1);
    const after = await created();
    claim(`one VM more than before, not ${after.length - before.length}`, after.length === before.length + 1);
    await withWorkers(stage, 1);
    return `${killed} killed; the worker has joined ${took} s later, one VM was made`;
  },
};

function containerOf({ runner }: Stage): string | undefined {
  return runner === "in-process" ? undefined : "function";
}
