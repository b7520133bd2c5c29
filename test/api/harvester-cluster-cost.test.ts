import { expect, test } from "vitest";
import { allFunctions } from "#cli/functions.ts";
import { FAST_TIMES } from "#platform/simulator/times.ts";
import { eyes, noEndpoint } from "#test/api/cluster-eyes.ts";
import { sharedStage } from "#test/chaos/shared-stage.ts";
import { openTheatre } from "#test/chaos/theatre.ts";
import { openPlay } from "#test/chaos/trial.ts";

test(
  "a cluster whose address comes after a second is ready with at most 15 requests on Harvester",
  { timeout: 120_000 },
  async ({ annotate }) => {
    await using theatre = await openTheatre(sharedStage(), { ...FAST_TIMES, loadBalancerAfterMs: 1_000 });
    await using play = openPlay(theatre, { functions: allFunctions, seed: 1 });
    const { actor, lives, director } = play;
    const look = eyes(play);
    await actor.prepare([], { cluster: noEndpoint });
    const begunAt = performance.now();
    await lives.start();
    await look.ready();
    const tookMs = Math.round(performance.now() - begunAt);
    const calls = director.trace.filter((entry) => entry.at === "call");
    const onHarvester = calls.filter(({ api }) => api === "H");
    const written = calls.filter(
      ({ api, verb }) => api === "M" && ["create", "patch", "update"].includes(verb),
    );
    await annotate(
      `ready after ${tookMs} ms, ${onHarvester.length} requests on Harvester (lists in them), ${written.length} writes on the management cluster`,
    );
    expect(onHarvester.length).toBeLessThanOrEqual(15);
  },
);
