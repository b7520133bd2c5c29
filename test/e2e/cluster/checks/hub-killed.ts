import { left, up } from "#cli/demo/witness.ts";
import { ACT_MS, scaled, watched, withWorkers } from "#test/e2e/cluster/checks/workers.ts";
import { crash, HUB, isReady, podsOf } from "#test/e2e/cluster/pods.ts";
import type { Stage } from "#test/e2e/cluster/stage-on.ts";
import type { Scenario } from "#test/e2e/scenario.ts";
import { claim, until } from "#test/e2e/until.ts";

/** Where its owner cannot be asked, the pod is deleted instead of its process killed. */
export const hubKilled: Scenario<Stage> = {
  name: "hub-killed",
  summary:
    "the hub's process is killed while machines are made, and again while they are deleted; all of it is done",
  play: async (stage) => {
    await withWorkers(stage, 1);
    const { clock } = stage.host;
    const said: string[] = [];
    await watched(stage, async (witness) => {
      await witness.until("one worker is up", up(1), ACT_MS);
      for (const count of [3, 1]) {
        const begunAt = clock.monotonic();
        await scaled(stage, count);
        await killHub(stage);
        if (count === 3) await witness.until("three workers are up", up(3), ACT_MS);
        else await witness.until("one worker is left", left(1), ACT_MS);
        said.push(`${count} after ${((clock.monotonic() - begunAt) / 1000).toFixed(1)} s`);
      }
      claim(
        `two machines were made and two deleted, not ${witness.machines.size} in all`,
        witness.machines.size === 3,
      );
    });
    return `${said.join(", ")}; no machine too many`;
  },
};

async function killHub({ cluster }: Stage): Promise<void> {
  const hub = await until("the hub is Ready", async () => (await podsOf(cluster, HUB)).find(isReady));
  if (cluster.node !== undefined) {
    await crash(cluster, hub);
    return;
  }
  const grace = ["--grace-period=0", "--force", "--wait=false"];
  await cluster.kubectl("delete", "pod", "--namespace", "capfn-system", hub.metadata.name, ...grace);
}
