import type { ControlPlaneHost } from "#platform/control-plane/host.ts";
import { type AlertWorld, startAlertWorld } from "#test/bench/alert-world.ts";
import { until } from "#test/bench/pacing.ts";
import type { Sheet } from "#test/bench/sheet.ts";
import { alertmanagerPackage } from "#test/support/debian-programs.ts";
import { type SeenRequests, watchRequests } from "#test/support/seen-requests.ts";

const KILLS = 5;
/** Alerts of a burst, as a share of it, that are stored before the process that stores the others is killed. */
const STORED_BEFORE_KILL = 0.1;

/** Many alerts in bursts, and capfn killed in the middle of each: every alert has to end as exactly one RemediationRequest. */
export async function measureAlertStorm(host: ControlPlaneHost, sheet: Sheet, alerts: number): Promise<void> {
  const alertmanager = await alertmanagerPackage();
  if ("missing" in alertmanager) {
    sheet.later("alerts/lost", "alerts of a storm without a RemediationRequest", alertmanager.missing);
    return;
  }
  await using world = await startAlertWorld(host, alertmanager.root);
  const seen = watchRequests(world.client, world.namespace);
  try {
    const storm = await rage(world, host, { seen, alerts });
    report(sheet, { seen, alerts, storm });
  } finally {
    seen.stop();
  }
}

interface Storm {
  readonly storedMs: number;
  readonly judgedMs: number;
  readonly peakMb: number;
  /** Webhooks Alertmanager sent, those nobody took among them. */
  readonly webhooks: number;
  /** Answers of the ingress, by status. */
  readonly answers: ReadonlyMap<string, number>;
}

async function rage(
  world: AlertWorld,
  { clock, progress }: ControlPlaneHost,
  { seen, alerts }: { readonly seen: SeenRequests; readonly alerts: number },
): Promise<Storm> {
  const begunAt = clock.monotonic();
  let peakMb = 0;
  const answers = new Map<string, number>();
  let capfn = await world.startCapfn();
  const kill = async (): Promise<void> => {
    peakMb = Math.max(peakMb, (await capfn.memory()).peak);
    for (const [labels, count] of (await capfn.scrape()).series("capfn_ingress_requests_total")) {
      const status = /status="(\d+)"/.exec(labels)?.[1] ?? "";
      answers.set(status, (answers.get(status) ?? 0) + count);
    }
    await capfn.crash();
  };
  const size = Math.ceil(alerts / KILLS);
  for (let burst = 0; burst < KILLS; burst += 1) {
    const first = burst * size;
    const nodes = Array.from({ length: Math.min(size, alerts - first) }, (_, n) => `storm-${first + n}`);
    const enough = seen.stored.size + Math.ceil(nodes.length * STORED_BEFORE_KILL);
    await world.tell(nodes);
    await until(clock, "some alerts of the burst are stored", {
      holds: () => seen.stored.size >= Math.min(enough, first + nodes.length),
      timeoutMs: 300_000,
    });
    await kill();
    progress(`killed with ${seen.stored.size} of ${first + nodes.length} alerts stored`);
    capfn = await world.startCapfn();
  }
  await until(clock, `${alerts} alerts are stored`, {
    holds: () => seen.stored.size >= alerts,
    timeoutMs: 1_800_000,
  });
  const storedMs = clock.monotonic() - begunAt;
  await until(clock, `${alerts} alerts are judged`, {
    holds: () => seen.judged.size >= alerts,
    timeoutMs: 1_800_000,
  });
  const judgedMs = clock.monotonic() - begunAt;
  const sent = await world.scrapeAlertmanager();
  await kill();
  const webhooks = sent.total("alertmanager_notification_requests_total");
  return { storedMs, judgedMs, peakMb, webhooks, answers };
}

function report(
  sheet: Sheet,
  { seen, alerts, storm }: { readonly seen: SeenRequests; readonly alerts: number; readonly storm: Storm },
): void {
  const all = `${alerts} alerts of a real Alertmanager in ${KILLS} bursts, capfn killed in each`;
  const made = [...seen.stored.values()].reduce((sum, uids) => sum + uids.size, 0);
  const note = `${alerts} alerts, ${KILLS} kills, ${made} requests for ${seen.stored.size} of them`;
  const counts = [
    ["lost", "without a RemediationRequest", alerts - seen.stored.size],
    ["twice", "with one request too many", made - seen.stored.size],
    ["steps", "taken for a step, though no machine is meant", seen.acted.size],
  ] as const;
  for (const [id, what, value] of counts)
    sheet.measured({ id: `alerts/${id}`, what: `${all}: ${what}`, unit: "alerts", value, target: 0, note });
  sheet.measured({
    id: "alerts/webhooks-per-alert",
    what: `${all}: webhooks sent until one was taken, those to nobody while capfn started included`,
    unit: "requests",
    value: storm.webhooks / alerts,
    note: `answered ${[...storm.answers].map(([status, count]) => `${status}: ${count}`).join(", ")}`,
  });
  sheet.measured({
    id: "alerts/stored",
    what: `${all}: until all are stored`,
    unit: "s",
    value: storm.storedMs / 1000,
    target: 60,
  });
  sheet.measured({
    id: "alerts/judged",
    what: `${all}: until the machine of each has been looked for`,
    unit: "s",
    value: storm.judgedMs / 1000,
  });
  sheet.measured({
    id: "alerts/memory",
    what: `${all}: peak resident memory of capfn`,
    unit: "MB",
    value: storm.peakMb,
  });
}
