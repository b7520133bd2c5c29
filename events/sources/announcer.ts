import { createHash } from "node:crypto";
import type { Announcement, ObjectIdentity } from "#functions/contract/deps.ts";
import type { KubeClient } from "#platform/kube/client.ts";
import { apiVersionOf } from "#platform/kube/resource.ts";
import { events } from "#platform/kube/resources.ts";
import type { Clock } from "#platform/process/clock.ts";

/** Longest an Event with the same object, reason and message is held back, ms: the API server keeps them an hour. */
const REPEAT_MS = 600_000;
/** Announcements remembered for that; the oldest are forgotten first. */
const REMEMBERED = 2_000;

/** Events that wait to be written, at most; while there are more, further ones are dropped. */
const MOST_WAITING = 2_000;

/**
 * Writes Kubernetes Events. Best effort and apart from the work: a lost Event loses nothing but a line for people, so they are written in the
 * background. A machine's life has as many Events as steps, and where many move at once they would take the steps' place.
 */
export function kubeAnnouncer(
  client: KubeClient,
  clock: Clock,
  dropped: (what: string, error: unknown) => void,
) {
  const said = new Map<string, number>();
  let waiting = 0;
  return (regarding: ObjectIdentity, { type, reason, message }: Announcement): void => {
    const now = clock.now();
    const { meta } = regarding;
    const same = createHash("sha1").update(`${meta.uid} ${reason} ${message}`).digest("hex").slice(0, 16);
    const before = said.get(same);
    if (before !== undefined && now - before < REPEAT_MS) return;
    said.set(same, now);
    for (const oldest of said.keys()) {
      if (said.size <= REMEMBERED) break;
      said.delete(oldest);
    }
    const namespace = meta.namespace ?? "default";
    const time = new Date(now).toISOString();
    const event = {
      apiVersion: "v1",
      kind: "Event",
      metadata: { name: `${meta.name.slice(0, 200)}.${same}${now.toString(16)}`, namespace },
      involvedObject: {
        apiVersion: apiVersionOf(regarding.type),
        kind: regarding.type.kind,
        name: meta.name,
        namespace: meta.namespace,
        uid: meta.uid,
      },
      type,
      reason,
      message: message.slice(0, 1024),
      source: { component: "capfn" },
      reportingComponent: "capfn.dev/hub",
      reportingInstance: "capfn",
      firstTimestamp: time.replace(/\.\d+Z$/, "Z"),
      lastTimestamp: time.replace(/\.\d+Z$/, "Z"),
      count: 1,
    };
    if (waiting >= MOST_WAITING) {
      dropped("event", new TooManyEvents(`${waiting} Events wait to be written`));
      return;
    }
    waiting += 1;
    client
      .create(events, event, { background: true })
      .catch((error: unknown) => dropped("event", error))
      .finally(() => (waiting -= 1));
  };
}

/** More is announced than can be written. */
class TooManyEvents extends Error {
  override readonly name = "TooManyEvents";
}
