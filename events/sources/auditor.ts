import { scopeName, localName, type Scope } from "#events/hub/names.ts";
import type { Hub } from "#events/hub/hub.ts";
import type { HubObserver } from "#events/hub/observer.ts";
import { compareVersions } from "#events/hub/versions.ts";
import type { KubeClient } from "#platform/kube/client.ts";
import type { ResourceView } from "#platform/kube/view.ts";
import { sleep, type Clock } from "#platform/process/clock.ts";

export interface AuditOptions {
  /** Time between two audits of a stream, ms; jittered by a quarter. */
  readonly everyMs: number;
  readonly random: () => number;
  readonly observe: HubObserver;
}

interface AuditContext extends AuditOptions {
  readonly clock: Clock;
  /** Ends the audits together with the stream. */
  readonly signal: AbortSignal;
  /** Whether the stream itself believes to be up to date; one that knows of its trouble is not audited. */
  readonly healthy: () => boolean;
  /** Makes the stream list anew. */
  readonly repair: () => void;
}

interface Audited {
  readonly view: ResourceView<unknown>;
  readonly scope: Scope;
}

/** A stream may be behind by this much, ms. */
const GRACE_MS = 5_000;

/**
 * Compares what a stream has delivered with what its API server has, now and then: the proof that no delta is lost, and the repair if one
 * was. It asks for versions only, as a streamed list, so that an idle cluster sees no list request; an API server that does not stream
 * lists is not audited.
 */
export function auditStream(hub: Hub, client: KubeClient, what: Audited, context: AuditContext): void {
  const { clock, everyMs, random, signal } = context;
  const cancel = clock.schedule(everyMs * (0.75 + random() / 2), () => {
    signal.removeEventListener("abort", cancel);
    void audit(hub, client, what, context)
      .catch(() => undefined) // The API server does not answer: the stream itself will say so.
      .then(() => {
        if (!signal.aborted) auditStream(hub, client, what, context);
      });
  });
  signal.addEventListener("abort", cancel, { once: true });
}

/** One audit. What differs twice, unchanged on the server for longer than the grace time, was missed. */
async function audit(hub: Hub, client: KubeClient, what: Audited, context: AuditContext): Promise<void> {
  const { view, scope } = what;
  const { clock, signal, healthy } = context;
  if (!healthy()) return;
  const first = await differences(hub, client, what, signal);
  if (first.size === 0) return;
  await sleep(clock, GRACE_MS, signal);
  const second = await differences(hub, client, what, signal);
  const missed = [...first].filter(([name, version]) => second.get(name) === version);
  if (missed.length === 0 || !healthy()) return;
  context.observe({ kind: "missed", collection: scopeName(view.type, scope), deltas: missed.length });
  context.repair();
}

/** Objects at which the index is behind: by local name, the version it should have or `gone`. */
async function differences(
  hub: Hub,
  client: KubeClient,
  { view, scope }: Audited,
  signal: AbortSignal,
): Promise<Map<string, string>> {
  const there = await versionsAt(client, { view, scope }, signal);
  const behind = new Map<string, string>();
  if (there === undefined) return behind;
  const known = hub.index.versionsIn(view, scope);
  for (const [name, version] of there.versions) {
    const ours = known.get(name);
    if (ours === undefined || compareVersions(ours, version) < 0) behind.set(name, version);
  }
  for (const [name, ours] of known) {
    const isGone = !there.versions.has(name) && compareVersions(ours, there.at) <= 0;
    if (isGone) behind.set(name, `gone after ${ours}`);
  }
  for (const name of hub.index.unreadableIn(view, scope)) behind.delete(name);
  return behind;
}

/** The versions of all objects at one moment; undefined when the API server does not stream lists. */
async function versionsAt(
  client: KubeClient,
  { view, scope }: Audited,
  signal: AbortSignal,
): Promise<{ at: string; versions: Map<string, string> } | undefined> {
  const enough = new AbortController();
  const versions = new Map<string, string>();
  const events = client.watch(view.type, {
    namespace: scope.namespace,
    metadataOnly: true,
    streamedListOnly: true,
    signal: AbortSignal.any([signal, enough.signal]),
  });
  try {
    for await (const event of events) {
      if (event.type === "relist") versions.clear();
      else if (event.type === "added" || event.type === "modified")
        versions.set(localName(event.object.metadata), event.object.metadata.resourceVersion);
      else if (event.type === "deleted") versions.delete(localName(event.object.metadata));
      else if (event.type === "synced") return { at: event.resourceVersion, versions };
      else if (event.type === "disrupted") return undefined;
    }
    return undefined;
  } finally {
    enough.abort();
  }
}
