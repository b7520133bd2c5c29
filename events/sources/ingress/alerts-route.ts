import {
  takeAlert,
  unsettledOf,
  type AlertIntakeOptions,
  type Intake,
} from "#events/sources/ingress/alert-intake.ts";
import {
  NoWebhook,
  readWebhook,
  type IncomingAlert,
  type ReadWebhook,
} from "#events/sources/ingress/alert-webhook.ts";
import { NoCloudEvent, parseJson } from "#events/sources/ingress/cloud-events.ts";
import type { HintTaker } from "#events/sources/ingress/events-route.ts";
import type { IngressObserver } from "#events/sources/ingress/ingress-event.ts";
import type { RemediationAlert } from "#api/remediation-request.ts";
import { KubeError } from "#platform/kube/errors.ts";
import { remediationRequests } from "#platform/kube/resources.ts";
import { MANAGEMENT } from "#platform/kube/view.ts";
import type { Clock } from "#platform/process/clock.ts";

export interface AlertTaking extends AlertIntakeOptions {
  readonly clock: Clock;
  /** The hub, to be told of what was stored; undefined while another process leads. */
  readonly hub: () => HintTaker | undefined;
  /** The alert of this RemediationRequest, from the index, without a request; undefined when there is none or it is not known. */
  readonly stored: (request: string) => RemediationAlert | undefined;
  readonly observe: IngressObserver;
}

/** Requests to the API server at once for one webhook. */
const AT_ONCE = 16;
/** Alerts from which on it pays to ask first which of them are stored. */
const MANY = 100;
/** Alertmanager gives up on a webhook no earlier; what is not stored by then comes again. */
const TIME_LIMIT_MS = 8_000;
const RETRY_AFTER_MS = 5_000;

/** What becomes of alerts that no webhook brings. */
export const UNTIL_ASKED = "its alerts come when the alertmanagers of the ingress configuration are asked";

/**
 * `POST /alerts`: every alert that can be understood is stored before the answer is 200. What may succeed later is 503, because
 * Alertmanager never repeats after 4xx; what was stored meanwhile is known the next time, so that more alerts than fit into the time come to
 * an end too. 400 only when nothing of the body was of use.
 */
export async function receiveAlerts(
  body: string,
  sender: string,
  taking: AlertTaking,
): Promise<{ status: 200 | 400 | 503; retryAfterMs?: number; answer: Record<string, unknown> }> {
  const read = understand(body);
  if (typeof read === "string") {
    taking.observe({ kind: "refused", path: "/alerts", sender, problem: read });
    return { status: 400, answer: { error: read } };
  }
  if (read.truncated > 0) {
    const problem = `truncatedAlerts: max_alerts cut off ${read.truncated} alerts; raise it; ${UNTIL_ASKED}`;
    taking.observe({ kind: "refused", path: "/alerts", sender, problem });
  }
  const taken = await takeAlerts(read.alerts, taking);
  const problems = [...read.refused.map(({ problem }) => problem), ...taken.refused];
  for (const problem of problems) taking.observe({ kind: "refused", path: "/alerts", sender, problem });
  const answer = { ...taken.counts, problems: problems.slice(0, 10) };
  if (taken.fault !== undefined) {
    const retryAfterMs =
      (taken.fault instanceof KubeError ? taken.fault.retryAfterMs : undefined) ?? RETRY_AFTER_MS;
    return { status: 503, retryAfterMs, answer: { ...answer, error: "not all alerts could be stored now" } };
  }
  const useless = problems.length > 0 && problems.length === read.alerts.length + read.refused.length;
  return { status: useless ? 400 : 200, answer };
}

/** What became of alerts: how many of each, which the API server refuses for good, and what kept others from being stored. */
export interface TakenAlerts {
  readonly counts: Readonly<Record<Intake, number>>;
  readonly refused: readonly string[];
  readonly fault: unknown;
}

/** Stores alerts, several at once. Does not throw. */
export async function takeAlerts(
  alerts: readonly IncomingAlert[],
  taking: AlertTaking,
): Promise<TakenAlerts> {
  const counts = { stored: 0, known: 0, closed: 0, refused: 0 };
  const refused: string[] = [];
  let fault: unknown;
  const deadline = new AbortController();
  const cancel = taking.clock.schedule(TIME_LIMIT_MS, () => deadline.abort(new Error("took too long")));
  const failed = (error: unknown): void => {
    if (fault === undefined) taking.observe({ kind: "fault", where: "/alerts", error });
    fault ??= error;
  };
  const unsettled = async (): Promise<readonly IncomingAlert[]> => {
    if (alerts.length < MANY) return alerts;
    const left = await unsettledOf(alerts, taking, deadline.signal);
    counts.known = alerts.length - left.length;
    for (let n = 0; n < counts.known; n += 1) taking.observe({ kind: "alert", result: "known" });
    return left;
  };
  const waiting = await unsettled().then((left) => left.values(), failed);
  const work = async (): Promise<void> => {
    for (const incoming of waiting ?? []) {
      try {
        deadline.signal.throwIfAborted();
        // In a storm an answer that came too late brings the same delivery again, and again.
        const result = isSettled(incoming, taking)
          ? "known"
          : await takeAlert(incoming, taking, deadline.signal);
        counts[result] += 1;
        taking.observe({ kind: "alert", result });
        if (result === "refused")
          refused.push(`alert ${incoming.alert.fingerprint}: the API server refuses its RemediationRequest`);
        else tellHub(incoming, taking);
      } catch (error) {
        failed(error);
      }
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  cancel();
  return { counts, refused, fault };
}

function isSettled({ request, resolved }: IncomingAlert, { stored }: AlertTaking): boolean {
  const alert = stored(request);
  return alert !== undefined && (!resolved || alert.endsAt !== undefined);
}

/** The watch tells too; this says why. */
function tellHub({ request, resolved, alert }: IncomingAlert, { hub, namespace, clock }: AlertTaking): void {
  const taker = hub();
  const view = taker?.targets.get(remediationRequests.plural);
  if (taker === undefined || view === undefined) return;
  taker.hint({
    view,
    ref: { connection: MANAGEMENT, namespace, name: request },
    data: alert,
    cause: {
      id: `${alert.fingerprint}/${Date.parse(alert.startsAt)}${resolved ? "/resolved" : ""}`,
      type: resolved ? "dev.capfn.alert.resolved" : "dev.capfn.alert.firing",
      source: `/clusters/${MANAGEMENT}/ingress/alerts`,
      time: new Date(clock.now()).toISOString(),
    },
  });
}

function understand(body: string): ReadWebhook | string {
  try {
    return readWebhook(parseJson(body, "body"));
  } catch (error) {
    if (error instanceof NoWebhook || error instanceof NoCloudEvent) return error.message;
    throw error;
  }
}
