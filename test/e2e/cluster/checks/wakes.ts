import * as z from "zod";
import { NAMESPACE } from "#cli/demo/stage.ts";
import { harvesterMachines } from "#platform/kube/resources.ts";
import { sleep } from "#platform/process/clock.ts";
import { untilAsleep } from "#test/e2e/cluster/checks/installed.ts";
import { withWorkers } from "#test/e2e/cluster/checks/workers.ts";
import { isQuiet, loadNow, percentile } from "#test/e2e/cluster/figures.ts";
import type { Runner } from "#test/e2e/cluster/options.ts";
import type { Stage } from "#test/e2e/cluster/stage-on.ts";
import type { Scenario } from "#test/e2e/scenario.ts";

const WAKES = 20;

/** Most the median, and the longest, of the wakes may take on a quiet machine, ms. */
const wakeGoals: Readonly<Record<Runner, { readonly p50: number; readonly max?: number }>> = {
  "in-process": { p50: 100 },
  knative: { p50: 1_300 },
  keda: { p50: 500, max: 1_000 },
};

/** What is woken: the function that answers a person's wish to look again. */
const FUNCTION = "capfn.dev/function=machine-observe";

const lookedSchema = z.looseObject({
  status: z.looseObject({
    conditions: z.array(z.looseObject({ type: z.string(), message: z.string().optional() })).default([]),
  }),
});

/** Twenty times from zero pods to an answered event, as a stranger at the API server sees it. */
export const wakes: Scenario<Stage> = {
  name: "wakes",
  summary: `from zero pods to the first event handled, p50 and p99 over ${WAKES} wakes`,
  play: async (stage) => {
    await withWorkers(stage, 1);
    const took: number[] = [];
    for (let wake = 0; wake < WAKES; wake += 1) {
      if (stage.runner !== "in-process") await untilAsleep(stage, FUNCTION);
      // Not in step with anything that happens each second.
      await sleep(stage.host.clock, 500 + Math.random() * 1_500);
      took.push(await wakeOnce(stage, `wake-${wake}-${stage.host.clock.now()}`));
    }
    const [p50, p99, max] = [percentile(took, 0.5), percentile(took, 0.99), Math.max(...took)];
    const load = await loadNow();
    const goal = wakeGoals[stage.runner];
    const said = `p50 ${p50.toFixed(0)} ms, p99 ${p99.toFixed(0)} ms, max ${max.toFixed(0)} ms over ${WAKES}`;
    const goals = `goal p50 ${goal.p50} ms${goal.max === undefined ? "" : `, max ${goal.max} ms`}`;
    const busy = `load ${load.average} on ${load.cpus} CPUs`;
    const reached = p50 <= goal.p50 && max <= (goal.max ?? Infinity);
    if (reached) return `${said} (${goals}); ${busy}`;
    if (!isQuiet(load))
      return `${said}; not held against its ${goals}, for others keep this machine busy: ${busy}`;
    throw new Error(`${said}; ${goals}; ${busy}`);
  },
};

/** Milliseconds from the request that makes work to the sight of its result, with a watch that was there before. */
async function wakeOnce({ client, host }: Stage, token: string): Promise<number> {
  const { management } = client;
  const ending = new AbortController();
  let name = "";
  for await (const machine of management.list(harvesterMachines, { namespace: NAMESPACE }))
    name = machine.metadata.name;
  const listening = Promise.withResolvers<void>();
  const answered = (async (): Promise<number> => {
    const events = management.watch(harvesterMachines, { namespace: NAMESPACE, signal: ending.signal });
    for await (const event of events) {
      listening.resolve();
      if (!("object" in event)) continue;
      const looked = lookedSchema.safeParse(event.object).data?.status.conditions ?? [];
      if (looked.some(({ message }) => message === token)) return host.clock.monotonic();
    }
    throw new Error("the watch ended");
  })();
  try {
    await Promise.race([listening.promise, answered]);
    const askedAt = host.clock.monotonic();
    await management.mergePatch(
      harvesterMachines,
      { namespace: NAMESPACE, name },
      { metadata: { annotations: { "capfn.dev/look-at": token } } },
    );
    const late = sleep(host.clock, 120_000).then(() => {
      throw new Error(`${name} was not looked at within 120 s`);
    });
    return (await Promise.race([answered, late])) - askedAt;
  } finally {
    ending.abort(new Error("seen"));
    await answered.catch(() => undefined);
  }
}
