import type { Entry } from "#events/hub/collection.ts";
import { decide, type Decision } from "#events/hub/decide.ts";
import { itemId, type Item } from "#events/hub/items.ts";
import { objectName, parseObjectName, scopeName, type Scope } from "#events/hub/names.ts";
import { attemptsOf, readNote } from "#events/hub/note.ts";
import type { HubParts } from "#events/hub/parts.ts";
import { skipInForce, type Skip } from "#events/hub/persons-word.ts";
import { digest } from "#events/hub/projection.ts";
import type { AwaitedObject } from "#events/hub/records.ts";
import type { MissingStreams } from "#events/hub/unlisted.ts";
import type { Cause, Evaluation, ObjectKey, StepFunction } from "#functions/contract/function.ts";
import { PredicateFailed } from "#functions/contract/predicate-failed.ts";
import type { Edge, Lookup } from "#functions/contract/relations.ts";
import type { ObjectRef, ResourceView } from "#platform/kube/view.ts";

/** Why an object is judged, and how urgent what follows is. */
export interface Occasion {
  readonly cause: Cause;
  readonly low: boolean;
  /** Field manager of the change that is the cause. */
  readonly manager?: string | undefined;
}

/** What a predicate said, with the digest of function, bundle and inputs. */
export type Finding =
  | { readonly kind: "evaluated"; readonly evaluation: Evaluation; readonly hash: string }
  /** The object is not in the index. */
  | { readonly kind: "absent" }
  /** The function threw; nothing can be done for this object until something changes. */
  | { readonly kind: "failed"; readonly edges: readonly Edge[] };

/** What judging one function of an object came to, beside what it did to the item. */
export interface Settled {
  readonly edges: readonly Edge[];
  /** The function threw, so `edges` may not be all it would look at. */
  readonly failed: boolean;
  readonly missing: MissingStreams;
}

const NOTHING_MISSING: MissingStreams = { all: [], any: [] };

/**
 * Judges items: asks the predicate, compares with the ledger, and puts the item in line, to sleep or out of memory. On standby it only finds
 * out what is looked at.
 */
export class Settling {
  readonly #parts: HubParts;

  constructor(parts: HubParts) {
    this.#parts = parts;
  }

  /** Judges one function of an object. */
  settle(fn: StepFunction, entry: Entry, ref: ObjectRef, occasion: Occasion): Settled {
    const finding = this.evaluate(fn, ref, this.#parts.index);
    switch (finding.kind) {
      case "absent":
        return { edges: [], failed: false, missing: NOTHING_MISSING };
      case "failed":
        this.#parts.queue.remove(itemId(fn, entry.seen.meta.uid));
        return {
          edges: finding.edges,
          failed: true,
          missing: { all: [], any: this.#unlisted(finding.edges) },
        };
      case "evaluated": {
        const { evaluation } = finding;
        const item = this.#parts.leads()
          ? this.#settle(fn, entry, ref, { ...occasion, ...finding })
          : undefined;
        return { edges: evaluation.edges, failed: false, missing: this.#missing(evaluation, item) };
      }
    }
  }

  /** Asks the predicate over a state of the world. Never throws. */
  evaluate(fn: StepFunction, object: ObjectKey, lookup: Lookup): Finding {
    try {
      const evaluation = fn.evaluate(object, lookup);
      if (evaluation === undefined) return { kind: "absent" };
      const need = evaluation.need instanceof Date ? evaluation.need.getTime() : evaluation.need;
      if (Number.isNaN(need)) throw new PredicateFailed("needs returned an invalid Date", evaluation.edges);
      // A time still ahead and the same time come are two inputs: what is done for the one is to be done again for the other.
      const ahead =
        evaluation.need instanceof Date && evaluation.need.getTime() > this.#parts.options.clock.now();
      const hash =
        need === false
          ? ""
          : digest([fn.name, this.#parts.options.bundleOf(fn), ahead ? "later" : need, evaluation.inputs]);
      return { kind: "evaluated", evaluation, hash };
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      this.#parts.options.observe({
        kind: "predicateFailed",
        function: fn.name,
        object: `${object.namespace ?? ""}/${object.name}`,
        message,
      });
      return { kind: "failed", edges: error instanceof PredicateFailed ? error.edges : [] };
    }
  }

  /** The decision for an item now, by what its predicate says and what is remembered. */
  judge(item: Item, { evaluation, hash }: Extract<Finding, { kind: "evaluated" }>): Decision {
    return decide({
      evaluation,
      record: item.record,
      hash,
      now: this.#parts.options.clock.now(),
      hasMoved: (target) => this.#hasMoved(target),
      isSkipped: () => this.skipOf(item.function, item.object) !== undefined,
    });
  }

  /** A person's word that this function is to leave the object alone for now. */
  skipOf(fn: StepFunction, object: ObjectKey): Skip | undefined {
    const entry = this.#parts.index.entry(fn.for.type, object);
    return entry === undefined ? undefined : skipInForce(entry.skips, fn.name, entry.seen.meta);
  }

  /** Acts on a decision that is not "run". */
  rest(item: Item, decision: Exclude<Decision, { kind: "run" }>): void {
    const { queue, timers } = this.#parts;
    queue.remove(item.id);
    item.heldBy = undefined;
    switch (decision.kind) {
      case "drop":
        this.#forgive(item);
        this.#forget(item.id);
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

  /** The object is gone: nothing of its item is kept, so that a namesake inherits nothing. */
  gone(fn: StepFunction, uid: string): void {
    const id = itemId(fn, uid);
    this.#parts.buckets.forget(id);
    this.#forget(id);
  }

  /** Digest of an object by its name, `absent` when there is none; undefined while its stream has not been listed. */
  digestOf(object: string): string | undefined {
    const { resource, ref } = parseObjectName(object);
    const view = this.#parts.views.get(resource);
    if (view === undefined || this.#unlistedAt(view, ref).length > 0) return undefined;
    return this.#parts.index.entry(view.type, ref)?.digest ?? "absent";
  }

  /** Whether an object, by its name, has a free place, or gives places on other terms than these. One that is gone does. */
  givesPlace(object: string, terms: string): boolean {
    const { resource, ref } = parseObjectName(object);
    const view = this.#parts.views.get(resource);
    const seen = view && this.#parts.index.entry(view.type, ref)?.seen;
    const places = seen && view.places?.(seen);
    return places === undefined || places.free > 0 || places.terms !== terms;
  }

  /** What `capfn why` shows of one function. */
  explain(fn: StepFunction, ref: ObjectRef) {
    const finding = this.evaluate(fn, ref, this.#parts.index);
    const evaluation = finding.kind === "evaluated" ? finding.evaluation : undefined;
    const id = itemId(fn, this.#parts.index.entry(fn.for.type, ref)?.seen.meta.uid ?? "");
    const item = this.#parts.items.get(id);
    return {
      id,
      function: fn.name,
      summary: fn.summary,
      skipped: this.skipOf(fn, ref),
      need: evaluation?.need,
      blockedOn: evaluation?.blockedOn ?? [],
      record: item?.record,
      queued: this.#parts.queue.has(id),
      heldBy: item?.heldBy,
      dueAt: this.#parts.timers.dueAt(id),
      faults: item?.attempts?.faults ?? 0,
      lastOutcome: item?.lastOutcome,
    };
  }

  #settle(
    fn: StepFunction,
    entry: Entry,
    ref: ObjectRef,
    occasion: Occasion & Extract<Finding, { kind: "evaluated" }>,
  ): Item | undefined {
    const { uid } = entry.seen.meta;
    const id = itemId(fn, uid);
    const { evaluation, cause, low } = occasion;
    const { items, options, queue, timers } = this.#parts;
    const nothingToDo = evaluation.need === false && evaluation.blockedOn.length === 0;
    if (nothingToDo && !items.has(id) && entry.note === undefined) return undefined;
    const known = items.get(id);
    const item = known ?? items.open(fn, keyOf(ref), uid, cause);
    if (known === undefined) this.#recall(item, entry);
    this.#heed(item, entry);
    item.culprit = occasion.manager ?? item.culprit;
    const decision = this.judge(item, occasion);
    if (decision.kind !== "run") {
      this.rest(item, decision);
      return item;
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
    return item;
  }

  /** Attempts and parks written on the object by an earlier life of the hub. */
  #recall(item: Item, entry: Entry): void {
    const note = readNote(entry.note, item.function.name);
    item.attempts = attemptsOf(note);
    if (note?.parked !== undefined && item.record === undefined)
      this.#parts.items.remember(item, { kind: "parked", ...note.parked });
  }

  /** A person has taken the park off: the item is looked at with a fresh budget. Each request is heeded once. */
  #heed(item: Item, { note: text }: Entry): void {
    const note = readNote(text, item.function.name);
    if (note?.replayed === undefined || note.replayed.at === item.replayed) return;
    item.replayed = note.replayed.at;
    if (item.record?.kind !== "parked") return;
    this.#parts.items.remember(item, undefined);
    item.attempts = attemptsOf(note);
    this.#parts.options.observe({
      kind: "unparked",
      function: item.function.name,
      object: objectName(item.function.for.type, item.object),
    });
  }

  /** All is as it should be: what was held against the object is taken off it. */
  #forgive(item: Item): void {
    const { function: fn, object, uid, attempts } = item;
    if (attempts !== undefined) this.#parts.options.reporter.note(fn, object, uid, undefined);
  }

  #forget(id: string): void {
    this.#parts.queue.remove(id);
    this.#parts.timers.clear(id);
    this.#parts.items.drop(id);
  }

  /** Whether what is awaited has come about since it was seen: any change, or only a place. False while it is not known. */
  #hasMoved({ object, seen, terms }: AwaitedObject): boolean {
    const now = this.digestOf(object);
    if (now === undefined || now === seen) return false;
    return terms === undefined || this.givesPlace(object, terms);
  }

  /** Streams whose first list would tell more about the object. */
  #missing({ blockedOn, view, edges }: Evaluation, item: Item | undefined): MissingStreams {
    if (blockedOn.length > 0)
      return { all: this.#unlisted(edges.filter(({ optional }) => !optional)), any: [] };
    const targets = item?.record?.kind === "waiting" ? item.record.targets : [];
    const waitedFor = targets.flatMap(({ object }) => {
      const { resource, ref } = parseObjectName(object);
      const target = this.#parts.views.get(resource);
      return target === undefined ? [] : this.#unlistedAt(target, ref);
    });
    return { all: [], any: [...(view.unknown.length === 0 ? [] : this.#unlisted(edges)), ...waitedFor] };
  }

  #unlisted(edges: readonly Edge[]): string[] {
    return edges.flatMap((edge) =>
      this.#unlistedAt(edge.view, edge.kind === "object" ? edge.ref : edge.query),
    );
  }

  #unlistedAt(view: ResourceView<unknown>, at: Scope): string[] {
    const { options, index } = this.#parts;
    return options
      .scopesOf(view, at.connection, view.type.namespaced ? at.namespace : undefined)
      .filter((scope) => !index.listed(view, scope))
      .map((scope) => scopeName(view.type, scope));
  }
}

function keyOf({ connection, namespace, name }: ObjectRef): ObjectKey {
  return { connection, namespace, name };
}
