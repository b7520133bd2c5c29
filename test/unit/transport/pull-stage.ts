import { onTestFinished } from "vitest";
import { connectHub } from "#events/transport/pull-hub.ts";
import { PullRunner, type PullEvent } from "#events/transport/pull-runner.ts";
import { pullServer, type LeaseRights } from "#events/transport/pull-server.ts";
import type { PulledEnd } from "#events/transport/pull-step.ts";
import { startPullWorker } from "#events/transport/pull-worker.ts";
import type { RunnerWorld } from "#events/transport/step-deps.ts";
import type { StepFunction } from "#functions/contract/function.ts";
import { FakeClock } from "#test/support/fake-clock.ts";
import { partView, widgetView } from "#test/support/hub-bench.ts";

const VERSION = "0.0.1";

/** A hub to which pods come on loopback, by a clock of its own, until the test ends. */
export async function pullHub({
  leadLeftMs,
  rightsOf = async (token) => (token === "ours" ? { mayTake: () => true } : "refused"),
  names = ["widget-make", "widget-batch", "other"],
}: { leadLeftMs?: () => number; rightsOf?: LeaseRights; names?: readonly string[] } = {}) {
  const clock = new FakeClock();
  const events: PullEvent[] = [];
  const others: string[] = [];
  const runner = new PullRunner({ clock, leadLeftMs, observe: (event) => events.push(event) });
  const server = pullServer({
    runner,
    functions: names,
    rightsOf,
    version: VERSION,
    otherVersion: (_names, version) => others.push(version),
  });
  onTestFinished(() => server.close());
  const url = await server.listen({ host: "127.0.0.1", port: 0 });
  return { clock, events, others, runner, server, url };
}

export interface PodOptions {
  readonly world: RunnerWorld;
  readonly functions: readonly StepFunction[];
  readonly clock?: FakeClock;
  readonly token?: string;
  readonly version?: string;
  readonly concurrency?: number;
}

/** A process that takes work from the hub at `url`, until the test ends. */
export function pod(url: string, { world, functions, clock = new FakeClock(), ...options }: PodOptions) {
  const ends: PulledEnd[] = [];
  const troubles: (number | undefined)[] = [];
  const hub = connectHub(new URL(url), () => Promise.resolve(options.token ?? "ours"));
  const worker = startPullWorker({
    hub,
    functions: functions.map(({ name }) => name),
    holder: `pod-${Math.random()}`,
    version: options.version ?? VERSION,
    clock,
    random: () => 0.5,
    concurrency: options.concurrency ?? 1,
    load: () =>
      Promise.resolve({
        functions,
        views: [widgetView, partView],
        world: { ...world, clock },
        contain: (act) => act(),
        ran: () => undefined,
      }),
    ended: (_name, end) => ends.push(end),
    trouble: (status) => troubles.push(status),
  });
  worker.over.catch(() => undefined);
  onTestFinished(async () => {
    const drained = worker.drain().catch(() => undefined);
    await clock.advance(5_000);
    hub.close();
    await drained;
  });
  return { worker, clock, ends, troubles, hub };
}
