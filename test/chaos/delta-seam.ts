import type { KubeClient, WatchEvent, WatchOptions } from "#platform/kube/client.ts";
import type { ResourceType } from "#platform/kube/resource.ts";
import { isOlder } from "#platform/kube/resource-version.ts";
import type { FaultHands } from "#test/chaos/call-seam.ts";
import type { DeltaEvent, Director, StreamName } from "#test/chaos/director.ts";
import { type LookAhead, lookAhead } from "#test/chaos/look-ahead.ts";
import type { Mortality } from "#test/chaos/mortal-clock.ts";
import type { Fault } from "#test/chaos/plan.ts";
import { apiOf } from "#test/chaos/stage.ts";

/** Longest time a delta is held back for another one that may never come, ms. */
const LONGEST_HOLD_MS = 400;

export interface DeltaSeamOptions {
  readonly director: Director;
  readonly life: { readonly number: number; readonly mortality: Mortality };
  readonly hands: FaultHands;
  /** Resolves when the object's name is taken by another uid, or after this time. */
  readonly replaced: (stream: StreamName, event: DeltaEvent, withinMs: number) => Promise<void>;
}

/** Seam 2: the client with every delta of its watches passing the director. */
export function withDeltaSeam(client: KubeClient, seam: DeltaSeamOptions): KubeClient {
  return { ...client, watch: (type, options) => gated(client, type, options, seam) };
}

async function* gated(
  client: KubeClient,
  type: ResourceType,
  options: WatchOptions,
  seam: DeltaSeamOptions,
): AsyncGenerator<WatchEvent> {
  const { director, life } = seam;
  const stream: StreamName = {
    api: apiOf(client.connection),
    resource: type.plural,
    namespace: options.namespace,
  };
  const told = director.delivered(stream);
  let notOlderThan = options.notOlderThan;
  const lag = director.lag(stream.api);
  if (lag !== undefined) {
    if (told.version !== "" && !(notOlderThan !== undefined && isOlder(told.version, notOlderThan))) {
      yield { type: "relist", reason: "start" };
      for (const object of told.objects.values()) yield { type: "added", object };
      yield { type: "synced", resourceVersion: told.version };
      notOlderThan = told.version;
    }
    await lag;
  }
  for (;;) {
    const closing = new AbortController();
    const signal = AbortSignal.any([options.signal, closing.signal]);
    const source = lookAhead(client.watch(type, { ...options, notOlderThan, signal }));
    let late: DeltaEvent | undefined;
    let gapMs: number | undefined;
    for (let event = await source.next(); event !== undefined; event = await source.next()) {
      await life.mortality.alive();
      await director.lag(stream.api);
      await life.mortality.alive();
      if (!isDelta(event)) {
        if ("resourceVersion" in event) told.version = event.resourceVersion;
        if (event.type === "relist") told.objects.clear();
        yield event;
        continue;
      }
      const fault = director.delta(life.number, stream, event);
      if (fault?.kind === "gap") {
        gapMs = fault.forMs;
        break;
      }
      const skipped = await hold(fault, { stream, event, source, seam });
      if (!skipped) {
        remember(told, event);
        yield event;
        if (fault?.kind === "dup") yield event;
      }
      if (late !== undefined && sameObject(late, event)) {
        yield late;
        late = undefined;
      }
      if (fault?.kind === "dup-late") late = event;
      afterwards(fault, stream, event, seam);
      await life.mortality.alive();
    }
    if (gapMs === undefined || options.signal.aborted) return;
    closing.abort();
    notOlderThan = told.version === "" ? notOlderThan : told.version;
    await pause(director, gapMs);
  }
}

/** Whether the delta is never to be told. */
async function hold(
  fault: Fault | undefined,
  what: { stream: StreamName; event: DeltaEvent; source: LookAhead; seam: DeltaSeamOptions },
): Promise<boolean> {
  const { director } = what.seam;
  switch (fault?.kind) {
    case "swap":
      await director.heard(fault.behind, LONGEST_HOLD_MS);
      return false;
    case "unobserved":
      return what.source.brings((event) => isDelta(event) && sameObject(event, what.event), LONGEST_HOLD_MS);
    default:
      return false;
  }
}

function afterwards(
  fault: Fault | undefined,
  stream: StreamName,
  event: DeltaEvent,
  { director, hands, replaced }: DeltaSeamOptions,
): void {
  switch (fault?.kind) {
    case "two-hubs":
      hands.doubleHub(fault.forMs);
      break;
    case "stale":
      director.freeze(stream.api);
      director.later(fault.forMs, () => director.thaw(stream.api));
      break;
    case "stale-restart":
      director.freeze(stream.api);
      director.pending += 1;
      void replaced(stream, event, fault.forMs).then(() => {
        director.pending -= 1;
        hands.crash();
        director.later(fault.forMs, () => director.thaw(stream.api));
      });
      break;
    default:
      break;
  }
}

function remember(told: { objects: Map<string, unknown>; version: string }, event: DeltaEvent): void {
  const { namespace = "", name, resourceVersion } = event.object.metadata;
  if (event.type === "deleted") told.objects.delete(`${namespace}/${name}`);
  else told.objects.set(`${namespace}/${name}`, event.object);
  if (told.version === "" || isOlder(told.version, resourceVersion)) told.version = resourceVersion;
}

function pause(director: Director, ms: number): Promise<void> {
  return new Promise((resolve) => director.later(ms, resolve));
}

function isDelta(event: WatchEvent): event is DeltaEvent {
  return event.type === "added" || event.type === "modified" || event.type === "deleted";
}

/** By name: a namesake overwrites what was there before. */
function sameObject(a: DeltaEvent, b: DeltaEvent): boolean {
  const { namespace, name } = a.object.metadata;
  return namespace === b.object.metadata.namespace && name === b.object.metadata.name;
}
