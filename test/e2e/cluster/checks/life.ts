import { applyExample } from "#cli/demo/stage.ts";
import { left, up } from "#cli/demo/witness.ts";
import { untilAsleep } from "#test/e2e/cluster/checks/installed.ts";
import { ACT_MS, scaled, watched, withoutCluster } from "#test/e2e/cluster/checks/workers.ts";
import type { Stage } from "#test/e2e/cluster/stage-on.ts";
import type { Scenario } from "#test/e2e/scenario.ts";

/** The demo's story, with capfn in pods. */
export const life: Scenario<Stage> = {
  name: "life",
  summary: "a cluster lives: 3 workers, 5, 1, deleted; nothing is left, and functions go back to zero",
  play: async (stage) => {
    const { clock } = stage.host;
    const { management } = stage.client;
    const said: string[] = [];
    const act = async (what: string, doIt: () => Promise<void>): Promise<void> => {
      const begunAt = clock.monotonic();
      await doIt();
      said.push(`${what} ${((clock.monotonic() - begunAt) / 1000).toFixed(1)} s`);
    };
    await watched(stage, async (witness) => {
      await act("3 up", async () => {
        await applyExample(management, clock, "cluster.yaml");
        await applyExample(management, clock, "workers.yaml");
        await witness.until("three workers are up", up(3), ACT_MS);
      });
      await act("5 up", async () => {
        await scaled(stage, 5);
        await witness.until("five workers are up", up(5), ACT_MS);
      });
      await act("1 left", async () => {
        await scaled(stage, 1);
        await witness.until("one worker is left", left(1), ACT_MS);
      });
    });
    await act("deleted", () => withoutCluster(stage));
    if (stage.runner !== "in-process") said.push(`at zero ${(await untilAsleep(stage)).toFixed(1)} s later`);
    return `${said.join(", ")}; left behind 0`;
  },
};
