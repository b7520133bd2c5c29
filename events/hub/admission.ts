import type { Breakers } from "#events/hub/breakers.ts";
import type { HandedOut } from "#events/hub/handed-out.ts";
import type { HeldBack } from "#events/hub/held-back.ts";
import type { Item } from "#events/hub/items.ts";
import { objectName } from "#events/hub/names.ts";
import type { HubParts } from "#events/hub/parts.ts";
import type { Settling } from "#events/hub/settling.ts";
import type { Queued } from "#events/hub/work-queue.ts";
import type { Evaluation } from "#functions/contract/function.ts";

interface AdmissionParts extends HubParts {
  readonly settling: Settling;
  readonly breakers: Breakers;
  readonly heldBack: HeldBack;
  /** Runs under way that call this API server. */
  readonly inFlightAt: (server: string) => number;
  /** Whether a run of this item is under way. */
  readonly isRunning: (id: string) => boolean;
}

/** Items that may run now, and what their run is about: API servers, and the pods that come for it. */
export interface Admitted {
  readonly items: readonly Item[];
  readonly dependencies: readonly string[];
}

/**
 * The last look before a run, over the newest state: whether there still is work, under which key, and whether anything holds it back: an open
 * breaker, too many runs at one API server, or a fight with somebody. What may not run is put where it belongs.
 */
export class Admission {
  readonly #parts: AdmissionParts;

  constructor(parts: AdmissionParts) {
    this.#parts = parts;
  }

  /** Admits an item that was taken from the line, and for a batch function the others of its key. Its key is given back when it may not run. */
  admit(queued: Queued, handedOut: HandedOut): Admitted | undefined {
    const { items, queue, options } = this.#parts;
    const item = items.get(queued.id);
    const evaluation = item && this.#runnable(item, handedOut);
    if (item === undefined || evaluation === undefined) {
      queue.release(queued.key);
      return undefined;
    }
    if (evaluation.key !== queued.key) {
      queue.release(queued.key);
      queue.add({ ...queued, key: evaluation.key });
      return undefined;
    }
    const pods = options.runner.pods?.dependencyOf(item.function.name);
    const dependencies = [...dependenciesOf(item, evaluation), ...(pods === undefined ? [] : [pods])];
    const full = dependencies.find(
      (name) => name !== "management" && this.#parts.inFlightAt(name) >= options.policy.maxInFlightPerServer,
    );
    if (full !== undefined) {
      queue.hold(queued, full);
      return undefined;
    }
    if (this.#heldBack(item, dependencies) || this.#slowed(item, evaluation)) {
      queue.release(queued.key);
      return undefined;
    }
    return { items: [item, ...this.#others(queued.key, item, handedOut)], dependencies };
  }

  /** What the predicate says over the newest state, if the item may run now; otherwise the item is put to rest. */
  #runnable(item: Item, handedOut: HandedOut): Evaluation | undefined {
    const { settling, index, isRunning } = this.#parts;
    // An item may change its key while it runs. It is judged again when the run ends.
    if (isRunning(item.id) || !index.isReadable(item.function.for, item.object)) return undefined;
    const finding = settling.evaluate(item.function, item.object, handedOut);
    if (finding.kind === "absent") settling.gone(item.function, item.uid);
    if (finding.kind !== "evaluated") return undefined;
    const decision = settling.judge(item, finding);
    if (decision.kind !== "run") {
      settling.rest(item, decision);
      return undefined;
    }
    item.wait = decision.wait;
    return finding.evaluation;
  }

  /** Whether an API server the item needs does not answer. It is let try, or all are let go, when the breaker says so. */
  #heldBack(item: Item, dependencies: readonly string[]): boolean {
    const { breakers, heldBack, options, settling } = this.#parts;
    item.heldBy = undefined;
    const waits = dependencies.map((name) => ({ name, ms: breakers.waitMs(name) }));
    const longest = waits.reduce((a, b) => (b.ms > a.ms ? b : a), { name: "", ms: 0 });
    if (longest.ms <= 0) return false;
    options.observe({ kind: "held", function: item.function.name, dependency: longest.name });
    settling.rest(item, { kind: "rest" });
    item.heldBy = longest.name;
    heldBack.hold(item.id, longest.name);
    return true;
  }

  /** Whether the item runs so often that it gets its next look later. Deletion is never slowed. */
  #slowed(item: Item, evaluation: Evaluation): boolean {
    const { options, settling, index, buckets } = this.#parts;
    const { function: fn, object, uid } = item;
    const entry = index.entry(fn.for.type, object);
    if (entry?.seen.meta.deletionTimestamp !== undefined) return false;
    const now = options.clock.now();
    const grant = buckets.take(item.id, evaluation.edges.length, now);
    if (grant.kind === "run") {
      if (grant.calmed) options.reporter.thrashing(fn, object, uid, undefined);
      return false;
    }
    settling.rest(item, { kind: "sleep", until: now + grant.delayMs });
    if (!grant.first) return true;
    const manager = item.culprit ?? "unknown";
    options.observe({
      kind: "thrashing",
      function: fn.name,
      object: objectName(fn.for.type, object),
      manager,
    });
    options.reporter.thrashing(fn, object, uid, manager);
    return true;
  }

  #others(key: string, first: Item, handedOut: HandedOut): Item[] {
    const { items, queue, options } = this.#parts;
    const most = Math.min(first.largestBatch, options.policy.largestBatch);
    if (!first.function.batch || most <= 1) return [];
    const mayJoin = (id: string) => {
      const item = items.get(id);
      return item?.function === first.function && item.largestBatch >= most;
    };
    const queued = queue.takeAll(key, mayJoin, most - 1);
    return queued.flatMap((place) => {
      const item = items.get(place.id);
      const evaluation = item && this.#runnable(item, handedOut);
      if (item === undefined || evaluation === undefined) return [];
      if (evaluation.key !== key) {
        queue.add({ ...place, key: evaluation.key });
        return [];
      }
      return this.#slowed(item, evaluation) ? [] : [item];
    });
  }
}

/** The API servers the item is about, as far as its function calls them. */
function dependenciesOf(item: Item, evaluation: Evaluation): string[] {
  const kinds: readonly string[] = item.function.uses;
  const connections = evaluation.edges.map((edge) =>
    edge.kind === "object" ? edge.ref.connection : edge.query.connection,
  );
  return [...new Set(["management", "ssh", ...connections])].filter((name) =>
    kinds.includes(name.split("/")[0] ?? name),
  );
}
