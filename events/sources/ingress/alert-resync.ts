import type { RemediationAlert } from "#api/remediation-request.ts";
import { listAlerts, type AlertmanagerAddress } from "#events/sources/ingress/alertmanager.ts";
import type { IncomingAlert } from "#events/sources/ingress/alert-webhook.ts";
import { takeAlerts, type AlertTaking } from "#events/sources/ingress/alerts-route.ts";

/** An alert that asked for remediation, as the management cluster knows it. `alert.endsAt` is set when it has ended. */
export interface KnownAlert {
  readonly request: string;
  readonly alert: RemediationAlert;
}

export interface AlertResyncOptions extends AlertTaking {
  /** All of them know all alerts, as the replicas of a cluster do. */
  readonly alertmanagers: readonly AlertmanagerAddress[];
  /** Time between two comparisons while an alert is open, ms; five times as long while none is. */
  readonly everyMs: number;
  readonly random: () => number;
  /** From the index, without a request; undefined while this process does not lead, or does not know yet. */
  readonly known: () => readonly KnownAlert[] | undefined;
}

const QUIET_FACTOR = 5;
/** An Alertmanager that has just started has not been told of every alert yet. */
const SETTLING_MS = 300_000;

/** The comparison of what Alertmanager lists with what is stored. */
export interface AlertResync {
  /** One comparison. Throws when an Alertmanager does not answer: then nothing is concluded. */
  compare(): Promise<void>;
  stop(): void;
}

/**
 * Compares now and then, so that a webhook that was lost is only late: alerts that are active and unknown are stored, stored ones that two
 * comparisons in a row have not found are closed. One that is silenced or inhibited is found.
 */
export function startAlertResync(options: AlertResyncOptions): AlertResync {
  const { clock, random, everyMs, observe } = options;
  const ending = new AbortController();
  let cancel = (): void => undefined;
  let missing: ReadonlySet<string> = new Set();
  const compare = async (): Promise<void> => {
    const before = options.known();
    if (before === undefined) return;
    const answers = await Promise.all(
      options.alertmanagers.map((address) => listAlerts(address, ending.signal)),
    );
    const listed = new Set(answers.flatMap(({ alerts }) => alerts).map(({ request }) => request));
    const active = new Map(
      answers.flatMap((answer) => answer.active).map((incoming) => [incoming.request, incoming]),
    );
    const stored = new Set(before.map(({ request }) => request));
    const settled = answers.every(({ startedAt }) => clock.now() - startedAt >= SETTLING_MS);
    const absent = settled ? openOf(before).filter(({ request }) => !listed.has(request)) : [];
    const lost = [...active.values()].filter(({ request }) => !stored.has(request));
    const ended = absent
      .filter(({ request }) => missing.has(request))
      .map((each) => closed(each, clock.now()));
    missing = new Set(absent.map(({ request }) => request));
    await takeAlerts([...lost, ...ended], options);
  };
  const arm = (): void => {
    if (ending.signal.aborted) return;
    const quiet = openOf(options.known() ?? []).length === 0;
    cancel = clock.schedule(everyMs * (quiet ? QUIET_FACTOR : 1) * (0.75 + random() / 2), () => {
      void compare()
        .catch((error: unknown) => observe({ kind: "fault", where: "alert resync", error }))
        .finally(arm);
    });
  };
  arm();
  return {
    compare,
    stop: () => {
      ending.abort();
      cancel();
    },
  };
}

function openOf(known: readonly KnownAlert[]): KnownAlert[] {
  return known.filter(({ alert }) => alert.endsAt === undefined);
}

function closed({ request, alert }: KnownAlert, now: number): IncomingAlert {
  return { request, resolved: true, alert: { ...alert, endsAt: new Date(now).toISOString() } };
}
