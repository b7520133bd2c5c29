import type { Entry } from "#events/hub/collection.ts";
import { decide, type Decision } from "#events/hub/decide.ts";
import { itemId, type Item } from "#events/hub/items.ts";
import { scopeName } from "#events/hub/names.ts";
import { attemptsOf, readNote } from "#events/hub/note.ts";
import type { HubParts } from "#events/hub/parts.ts";
import { digest } from "#events/hub/projection.ts";
import type { Cause, Evaluation, ObjectKey, StepFunction } from "#functions/contract/function.ts";
import type { Edge } from "#functions/contract/relations.ts";
import type { ObjectRef } from "#platform/kube/view.ts";

/** Why an object is judged, and how urgent what follows is. */
interface Occasion {
  readonly cause: Cause;
  readonly low: boolean;
}

/** Judges items: asks the predicate, compares with the ledger, and puts the item in line, to sleep or out of memory. */
export class Settling {
  readonly #parts: HubParts;

  constructor(parts: HubParts) {
    this.#parts = parts;
  }

  /** Judges all functions of one object. Returns what they look at, and the streams that must be listed before some can be judged. */
  settleAll(
    functions: readonly StepFunction[],
    entry: Entry,
    ref: ObjectRef,
    occasion: Occasion,
  ): { edges: Edge[]; unlisted: string[] } {
    const edges: Edge[] = [];
    const unlisted = new Set<string>();
    for (const fn of functions) {
      const evaluation = this.#evaluate(fn, ref);
      if (evaluation === undefined) continue;
      edges.push(...evaluation.edges);
      for (const scope of this.#unlisted(evaluation)) unlisted.add(scope);
      this.#settle(fn, entry, ref, { ...occasion, evaluation });
    }
    return { edges, unlisted: [...unlisted] };
  }

  /** The decision for an item now, by the newest state. */
  judge(item: Item, evaluation: Evaluation): { decision: Decision; hash: string } {
    const hash = evaluation.need === false ? "" : this.hash(item.function, evaluation);
    const decision = decide({
      evaluation,
      record: item.record,
      hash,
      now: this.#parts.options.clock.now(),
      digestOf: (object) => this.digestOf(object),
    });
    return { decision, hash };
  }

  /** Acts on a decision that is not "run". */
  rest(item: Item, decision: Exclude<Decision, { kind: "run" }>): void {
    const { queue, timers } = this.#parts;
    queue.remove(item.id);
    switch (decision.kind) {
      case "drop":
        this.drop(item.function, item.uid);
        break;
      case "sleep":
        timers.set(item.id, decision.until);
        break;
      case "blocked":
      case "rest":
        timers.clear(item.id);
        break;
    }
  }

  drop(fn: StepFunction, uid: string): void {
    const id = itemId(fn, uid);
    const item = this.#parts.items.get(id);
    if (item?.attempts !== undefined)
      this.#parts.options.reporter.note(fn, { ...item.object }, uid, undefined);
    this.#parts.queue.remove(id);
    this.#parts.timers.clear(id);
    this.#parts.items.drop(id);
  }

  hash(fn: StepFunction, evaluation: Evaluation): string {
    const need = evaluation.need instanceof Date ? evaluation.need.getTime() : evaluation.need;
    return digest([fn.name, this.#parts.options.bundleOf(fn), need, evaluation.inputs]);
  }

  digestOf(object: string): string {
    return this.#parts.index.byName(object)?.digest ?? "absent";
  }

  /** What `capfn why` shows of one function. */
  explain(fn: StepFunction, ref: ObjectRef) {
    const evaluation = this.#evaluate(fn, ref);
    const uid = this.#parts.index.entry(fn.for.type, ref)?.seen.meta.uid ?? "";
    const item = this.#parts.items.get(itemId(fn, uid));
    return {
      function: fn.name,
      summary: fn.summary,
      need: evaluation?.need,
      blockedOn: evaluation?.blockedOn ?? [],
      record: item?.record,
      queued: this.#parts.queue.has(itemId(fn, uid)),
      dueAt: this.#parts.timers.dueAt(itemId(fn, uid)),
      faults: item?.attempts?.faults ?? 0,
      lastOutcome: item?.lastOutcome,
    };
  }

  #settle(
    fn: StepFunction,
    entry: Entry,
    ref: ObjectRef,
    occasion: Occasion & { evaluation: Evaluation },
  ): void {
    const { uid } = entry.seen.meta;
    const id = itemId(fn, uid);
    const { evaluation, cause, low } = occasion;
    const { items, options, queue, timers } = this.#parts;
    if (
      evaluation.need === false &&
      evaluation.blockedOn.length === 0 &&
      !items.has(id) &&
      entry.note === undefined
    )
      return;
    const known = items.get(id);
    const item = known ?? items.open(fn, keyOf(ref), uid, cause);
    if (known === undefined) this.#recall(item, entry);
    const { decision } = this.judge(item, evaluation);
    if (decision.kind !== "run") {
      this.rest(item, decision);
      return;
    }
    timers.clear(id);
    if (!queue.has(id)) {
      item.cause = cause;
      item.hintedAt ??= options.clock.monotonic();
    }
    item.wait = decision.wait;
    queue.add({
      id,
      key: evaluation.key,
      rank: options.clock.now() + (low ? options.policy.lowPriorityMs : 0),
    });
  }

  /** Attempts and parks written on the object by an earlier life of the hub. */
  #recall(item: Item, entry: Entry): void {
    const note = readNote(entry.note, item.function.name);
    item.attempts = attemptsOf(note);
    if (note?.parked !== undefined && item.record === undefined)
      this.#parts.items.remember(item, { kind: "parked", ...note.parked });
  }

  #evaluate(fn: StepFunction, ref: ObjectRef): Evaluation | undefined {
    try {
      return fn.evaluate(ref, this.#parts.index);
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      this.#parts.options.observe({
        kind: "predicateFailed",
        function: fn.name,
        object: `${ref.namespace ?? ""}/${ref.name}`,
        message,
      });
      return undefined;
    }
  }

  #unlisted(evaluation: Evaluation): string[] {
    if (evaluation.blockedOn.length === 0 && evaluation.view.unknown.length === 0) return [];
    return evaluation.edges.flatMap(({ view, ...edge }) => {
      const at = edge.kind === "object" ? edge.ref : edge.query;
      const scope = this.#parts.options.scopeOf(
        view,
        at.connection,
        view.type.namespaced ? at.namespace : undefined,
      );
      return this.#parts.index.listed(view, scope) ? [] : [scopeName(view.type, scope)];
    });
  }
}

function keyOf({ connection, namespace, name }: ObjectRef): ObjectKey {
  return { connection, namespace, name };
}
