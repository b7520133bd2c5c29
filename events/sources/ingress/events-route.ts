import type { IncomingHttpHeaders } from "node:http";
import { NoCloudEvent, readCloudEvents, type ReadEvent } from "#events/sources/ingress/cloud-events.ts";
import { hintOf, UnfitEvent, type Hint, type HintTargets } from "#events/sources/ingress/hints.ts";
import type { IngressObserver } from "#events/sources/ingress/ingress-event.ts";
import type { Sender } from "#events/sources/ingress/senders.ts";
import type { Clock } from "#platform/process/clock.ts";

/** The hub as the ingress uses it. */
export interface HintTaker {
  readonly targets: HintTargets;
  hint(hint: Hint): void;
}

export interface EventTaking {
  readonly clock: Clock;
  /** Undefined while another process leads, or the hub starts. */
  readonly hub: () => HintTaker | undefined;
  readonly observe: IngressObserver;
}

/** Answer of `/events`. A broker takes a body for an event in reply, so there is none when all is well. */
interface EventsAnswer {
  readonly status: 202 | 400 | 403 | 415 | 503;
  readonly problems: readonly string[];
}

/**
 * `POST /events`: each CloudEvent becomes a hint for the hub and nothing more. What can be understood of a batch is taken even when the rest
 * is refused; to send it all again does no harm.
 */
export function receiveEvents(
  request: { readonly headers: IncomingHttpHeaders; readonly body: string },
  sender: Sender,
  taking: EventTaking,
): EventsAnswer {
  const hub = taking.hub();
  if (hub === undefined) return { status: 503, problems: ["the hub is not running here"] };
  const read = understand(request.headers, request.body);
  if (!Array.isArray(read)) return refuse(read.status, [read.message], sender, taking);
  const problems: string[] = [];
  let forbidden = 0;
  for (const [index, each] of read.entries()) {
    const where = read.length > 1 ? `[${index}].` : "";
    if ("problem" in each) problems.push(each.problem);
    else if (!sender.allows(each.event.type)) {
      forbidden += 1;
      problems.push(`${where}type: sender ${sender.name} may not send this type`);
    } else {
      const problem = pass(each.event, hub, taking);
      if (problem !== undefined) problems.push(`${where}${problem}`);
    }
  }
  if (problems.length === 0) return { status: 202, problems };
  return refuse(forbidden === problems.length ? 403 : 400, problems, sender, taking);
}

/** Undefined when the hub has been told, else the problem. */
function pass(
  event: Extract<ReadEvent, { readonly event: unknown }>["event"],
  hub: HintTaker,
  { clock, observe }: EventTaking,
): string | undefined {
  try {
    const hint = hintOf(event, hub.targets, () => clock.now());
    hub.hint(hint);
    const { namespace, name } = hint.ref;
    const object = [hint.view.type.plural, namespace, name].filter((part) => part !== undefined).join("/");
    observe({ kind: "hinted", type: hint.cause.type, object });
    return undefined;
  } catch (error) {
    if (error instanceof UnfitEvent) return error.message;
    throw error;
  }
}

function understand(headers: IncomingHttpHeaders, body: string): ReadEvent[] | NoCloudEvent {
  try {
    return readCloudEvents(headers, body);
  } catch (error) {
    if (error instanceof NoCloudEvent) return error;
    throw error;
  }
}

function refuse(
  status: EventsAnswer["status"],
  problems: readonly string[],
  sender: Sender,
  { observe }: EventTaking,
): EventsAnswer {
  for (const problem of problems) observe({ kind: "refused", path: "/events", sender: sender.name, problem });
  return { status, problems: problems.slice(0, 10) };
}
