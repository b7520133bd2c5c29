import { causeOfChange, causeOfTime } from "#events/hub/causes.ts";
import type { Change } from "#events/hub/collection.ts";
import { FunctionSets, type FunctionSet } from "#events/hub/function-sets.ts";
import type { LedgerKeeper } from "#events/hub/ledger.ts";
import { connectionIn, objectName, scopeName, type Scope } from "#events/hub/names.ts";
import type { HubParts } from "#events/hub/parts.ts";
import { PlaceCalls } from "#events/hub/place-calls.ts";
import type { Occasion, Settling } from "#events/hub/settling.ts";
import { isOwn } from "#events/hub/shard.ts";
import { Unlisted } from "#events/hub/unlisted.ts";
import type { Wakes } from "#events/hub/wakes.ts";
import type { EventType } from "#events/catalog/types.ts";
import type { Cause, StepFunction } from "#functions/contract/function.ts";
import { MANAGEMENT, type Connection, type ObjectRef, type ResourceView } from "#platform/kube/view.ts";

interface JudgingParts extends HubParts {
  readonly settling: Settling;
  readonly wakes: Wakes;
  readonly ledger: LedgerKeeper;
  /** Some of what was marked has been judged: runs may start. */
  readonly judged: () => void;
}

interface KnownObject {
  readonly view: ResourceView<unknown>;
  readonly ref: ObjectRef;
}

interface Marked extends KnownObject, Occasion {
  readonly functions: FunctionSet;
}

/** Judging goes on so long before the event loop gets a turn. */
const SLICE_MS = 10;
/** Objects the regular sweep looks at in one go, so that it holds nobody up. */
const SWEEP_SLICE = 200;
const SWEEP_PAUSE_MS = 50;

/**
 * Who is looked at again, and why: the object that changed, those that look at it, and those that wait for it. What is marked within one
 * turn of the event loop is judged once, in the order in which it was marked; when that is much, a slice at a time.
 */
export class Judging {
  readonly #parts: JudgingParts;
  readonly #functions: FunctionSets;
  readonly #marked = new Map<string, Marked>();
  /** Objects of the functions, by name, as far as they have been judged. */
  readonly #known = new Map<string, KnownObject>();
  /** Who cannot be judged for good before streams have been listed. */
  readonly #unlisted = new Unlisted();
  readonly #places: PlaceCalls;
  /** Functions whose objects have all been listed, so that restored records nobody claims are void. */
  readonly #complete = new Set<StepFunction>();
  #draining = false;
  #stopped = false;
  #cancelSweep: (() => void) | undefined;

  constructor(parts: JudgingParts) {
    this.#parts = parts;
    this.#functions = new FunctionSets(parts.options.functions);
    this.#places = new PlaceCalls({
      ...parts,
      call: (id) => this.#markItem(id, { cause: this.#now("dev.capfn.step.due", id), low: false }),
    });
  }

  /** The index has changed: wakes the object's own functions, those that look at it, and those that wait for it. */
  changed(change: Change): void {
    const { settling, wakes, ledger } = this.#parts;
    const seen = (change.new ?? change.old)?.seen;
    if (seen === undefined) return;
    const { view, old } = change;
    const ref: ObjectRef = seen.meta;
    const own = this.#functions.all(view);
    const gone = old?.seen.meta.uid === change.new?.seen.meta.uid ? undefined : old?.seen.meta.uid;
    if (gone !== undefined) for (const fn of this.#functions.members(view, own)) settling.gone(fn, gone);
    const occasion = {
      cause: causeOfChange(this.#parts.options.clusterId, change, this.#parts.options.clock.now()),
      low: old === undefined && !ledger.settled,
      manager: change.new?.manager,
    };
    this.#parts.options.observe({
      kind: "happened",
      cause: occasion.cause,
      object: { type: view.type, ref: seen.meta },
    });
    if (own !== 0) this.hint(view, ref, occasion);
    const urgent = { ...occasion, low: false };
    for (const [owner, functions] of wakes.woken(change)) this.#hintKnown(owner, urgent, functions);
    for (const id of this.#places.called(change)) this.#markItem(id, urgent);
  }

  /** Whether the object can be read has changed, or what it is like is in doubt: it and those that name it are looked at again. */
  doubted(view: ResourceView<unknown>, ref: ObjectRef): void {
    const occasion = { cause: this.#now("dev.capfn.object.changed", objectName(view.type, ref)), low: false };
    if (this.#functions.all(view) !== 0) this.hint(view, ref, occasion);
    for (const [owner, functions] of this.#parts.wakes.naming(view, ref))
      this.#hintKnown(owner, occasion, functions);
  }

  /** Somebody says that the object is worth a look: its own functions are asked, and those that look at it. */
  hinted(view: ResourceView<unknown>, ref: ObjectRef, cause: Cause): void {
    const { index, wakes } = this.#parts;
    const occasion = { cause, low: false };
    if (this.#functions.all(view) !== 0) this.hint(view, ref, occasion);
    const entry = index.entry(view.type, ref);
    const looking = entry === undefined ? [] : wakes.woken({ view, old: entry, new: entry });
    for (const [owner, functions] of [...looking, ...wakes.naming(view, ref)])
      this.#hintKnown(owner, occasion, functions);
  }

  /** A stream has had a complete list: who rests on it can be judged now. */
  listed(view: ResourceView<unknown>, scope: Scope): void {
    const name = scopeName(view.type, scope);
    const occasion = { cause: this.#now("dev.capfn.hub.started", name), low: !this.#parts.ledger.settled };
    this.#parts.options.observe({ kind: "happened", cause: occasion.cause });
    for (const { object, function: fn } of this.#unlisted.listed(name))
      this.#markKnown(object, occasion, this.#functions.of(fn));
    if (scope.connection === MANAGEMENT && this.#parts.index.listed(view, { connection: MANAGEMENT }))
      for (const fn of this.#functions.members(view, this.#functions.all(view))) this.#complete.add(fn);
    this.#schedule();
  }

  /** The lead has been taken over: everything known is judged as after a start, against the ledger restored. */
  everything(): void {
    const occasion = { cause: this.#now("dev.capfn.hub.started", "lead"), low: true };
    this.#parts.options.observe({ kind: "happened", cause: occasion.cause });
    for (const name of this.#known.keys()) this.#markKnown(name, occasion);
    for (const fn of this.#parts.options.functions)
      if (this.#parts.index.listed(fn.for, { connection: MANAGEMENT })) this.#complete.add(fn);
    this.#schedule();
  }

  /** Streams of this API server will not be listed for those that wait for them. */
  unwanted(connection: Connection): void {
    this.#unlisted.forget((stream) => connectionIn(stream) === connection);
  }

  /** What an item concluded is void; it is judged anew. */
  voided(id: string): void {
    const item = this.#parts.items.get(id);
    if (item === undefined) return;
    this.#parts.items.remember(item, undefined);
    this.#markItem(id, { cause: item.cause, low: false });
  }

  /** A run of the item has ended. */
  again(id: string, cause: Cause): void {
    this.#markItem(id, { cause, low: false });
  }

  /** A time an item asked for has come. */
  due(id: string): void {
    const cause = this.#now("dev.capfn.step.due", id);
    this.#parts.options.observe({ kind: "happened", cause });
    this.#markItem(id, { cause, low: false });
  }

  /** News from outside: unlike a timer or a sweep, a step that is under way did not know of it. */
  hint(view: ResourceView<unknown>, ref: ObjectRef, occasion: Occasion): void {
    this.#parts.hints.hint(objectName(view.type, ref), occasion.cause.id);
    this.#mark({ view, ref }, occasion);
  }

  /** Has functions of an object judged soon; all that are for its kind, unless some are named. */
  #mark({ view, ref }: KnownObject, occasion: Occasion, functions = this.#functions.all(view)): void {
    const name = objectName(view.type, ref);
    const before = this.#marked.get(name);
    this.#marked.set(name, {
      view,
      ref,
      functions: functions | (before?.functions ?? 0),
      cause: before?.cause ?? occasion.cause,
      low: occasion.low && (before?.low ?? true),
      manager: occasion.manager ?? before?.manager,
    });
    this.#schedule();
  }

  get idle(): boolean {
    return this.#marked.size === 0;
  }

  /** Every object is judged again now and then, a few at a time, without any request. */
  armSweep(): void {
    const { clock, policy, random } = this.#parts.options;
    this.#cancelSweep = clock.schedule(policy.sweepMs * (0.75 + random() / 2), () => {
      this.#parts.options.observe({ kind: "happened", cause: this.#now("dev.capfn.step.swept", "sweep") });
      this.#sweep([...this.#known.keys()]);
    });
  }

  stop(): void {
    this.#stopped = true;
    this.#cancelSweep?.();
    this.#places.stop();
  }

  #sweep(names: readonly string[]): void {
    const occasion = { cause: this.#now("dev.capfn.step.swept", "sweep"), low: true };
    for (const name of names.slice(0, SWEEP_SLICE)) this.#markKnown(name, occasion);
    const left = names.slice(SWEEP_SLICE);
    if (left.length === 0) {
      this.armSweep();
      return;
    }
    this.#cancelSweep = this.#parts.options.clock.schedule(SWEEP_PAUSE_MS, () => this.#sweep(left));
  }

  #now(type: EventType, subject: string): Cause {
    const { clusterId, clock } = this.#parts.options;
    return causeOfTime(clusterId, type, subject, clock.now());
  }

  #markItem(id: string, occasion: Occasion): void {
    const item = this.#parts.items.get(id);
    if (item === undefined) return;
    const { function: fn, object } = item;
    this.#mark({ view: fn.for, ref: object }, occasion, this.#functions.of(fn));
  }

  #hintKnown(name: string, occasion: Occasion, functions: FunctionSet): void {
    this.#parts.hints.hint(name, occasion.cause.id);
    this.#markKnown(name, occasion, functions);
  }

  #markKnown(name: string, occasion: Occasion, functions?: FunctionSet): void {
    const known = this.#known.get(name);
    if (known !== undefined) this.#mark(known, occasion, functions);
  }

  #schedule(): void {
    if (this.#draining) return;
    this.#draining = true;
    queueMicrotask(() => this.#drain());
  }

  /** Judges what is marked for about a slice of time; what is left after that, and what is marked meanwhile, has its turn later. */
  #drain(): void {
    if (this.#stopped) return;
    const { clock } = this.#parts.options;
    const end = clock.monotonic() + SLICE_MS;
    for (const [name, marked] of this.#marked) {
      this.#marked.delete(name);
      this.#judge(name, marked);
      if (clock.monotonic() >= end) break;
    }
    if (this.#marked.size > 0) clock.schedule(0, () => this.#drain());
    else this.#drained();
    this.#parts.judged();
  }

  #drained(): void {
    this.#draining = false;
    for (const fn of this.#complete) this.#parts.items.discardUnclaimed(fn);
    this.#complete.clear();
  }

  #judge(name: string, { view, ref, functions, ...occasion }: Marked): void {
    const { index, wakes, settling, options } = this.#parts;
    const entry = index.entry(view.type, ref);
    const members = this.#functions.members(view, functions);
    if (entry === undefined || !isOwn(options.shard ?? {}, entry)) {
      // One that has left the shard is let go as if it were gone: the hub it belongs to now looks at it anew.
      if (entry !== undefined)
        for (const fn of this.#functions.members(view, this.#functions.all(view)))
          settling.gone(fn, entry.seen.meta.uid);
      this.#known.delete(name);
      wakes.forget(name);
      for (const fn of members) this.#unlisted.set(name, fn, { all: [], any: [] });
      return;
    }
    this.#known.set(name, { view, ref });
    if (!index.isReadable(view, ref)) return;
    const looking = members.map((fn) => {
      const { edges, failed, missing } = settling.settle(fn, entry, ref, occasion);
      this.#unlisted.set(name, fn, missing);
      return { functions: this.#functions.of(fn), edges, further: failed };
    });
    wakes.set(name, looking);
  }
}
