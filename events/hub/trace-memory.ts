import type { HubEvent } from "#events/hub/observer.ts";
import type { WriteNote } from "#events/transport/runner.ts";
import type { Cause } from "#functions/contract/function.ts";
import type { Clock } from "#platform/process/clock.ts";

/** Ended runs remembered of one object, and of all together: about 2 MB at the most, and nothing where nothing happens. */
const PER_OBJECT = 32;
const IN_ALL = 3_000;
/** Writes remembered of one run, and characters of its reason. */
const WRITES = 12;
const REASON = 200;

/** One ended run, as it is remembered. */
export interface TracedStep {
  /** `<function>/<attempt>`: id of the CloudEvent it was dispatched with. */
  readonly id: string;
  /** Counts the steps as they ended; several end within one millisecond. */
  readonly order: number;
  /** What it was for, `<connection>|<resource>|<namespace>/<name>`. */
  readonly object: string;
  readonly function: string;
  /** Wall clock ms. */
  readonly endedAt: number;
  readonly durationMs: number;
  readonly outcome: string;
  readonly reason: string;
  readonly cause: Cause;
  /** The first writes of the run, and how many more there were. */
  readonly writes: readonly WriteNote[];
  readonly writesLeftOut: number;
}

/** A step in the order of cause and effect. */
export interface LinkedStep extends TracedStep {
  /** Id of the step whose write was the cause; undefined when the cause came from outside, or is no longer remembered. */
  readonly causedBy: string | undefined;
}

/**
 * The last runs of each object, in memory only: what happened, why, and what it wrote. Bounded per object and in all; when it is full, the object at
 * which nothing happened for the longest time is forgotten. A help for people: nothing is decided by it.
 */
export class TraceMemory {
  readonly #clock: Clock;
  /** By object, the one touched last at the end. */
  readonly #steps = new Map<string, TracedStep[]>();
  #size = 0;
  #count = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Steps remembered. */
  get size(): number {
    return this.#size;
  }

  record(event: HubEvent): void {
    if (event.kind !== "outcome") return;
    const { object, writes, reason, cause, durationMs, outcome } = event;
    const steps = this.#steps.get(object) ?? [];
    steps.push({
      id: `${event.function}/${event.attempt}`,
      order: (this.#count += 1),
      object,
      function: event.function,
      endedAt: this.#clock.now(),
      durationMs,
      outcome,
      reason: reason.slice(0, REASON),
      cause,
      writes: writes.slice(0, WRITES),
      writesLeftOut: Math.max(0, writes.length - WRITES),
    });
    this.#size += 1;
    if (steps.length > PER_OBJECT) {
      steps.shift();
      this.#size -= 1;
    }
    this.#steps.delete(object);
    this.#steps.set(object, steps);
    this.#forgetOldest();
  }

  /** The steps of an object and, through the objects they were for, those that led to them; oldest first. */
  of(object: string): LinkedStep[] {
    const own = this.#steps.get(object) ?? [];
    if (own.length === 0) return [];
    const writers = this.#writers();
    const found = new Map<TracedStep, LinkedStep>();
    const open = [...own];
    for (let step = open.pop(); step !== undefined; step = open.pop()) {
      if (found.has(step)) continue;
      const writer = writerOf(step, writers);
      found.set(step, { ...step, causedBy: writer?.id });
      if (writer !== undefined) open.push(writer);
    }
    return [...found.values()].toSorted((a, b) => a.order - b.order);
  }

  #forgetOldest(): void {
    for (const [object, steps] of this.#steps) {
      if (this.#size <= IN_ALL) return;
      this.#steps.delete(object);
      this.#size -= steps.length;
    }
  }

  /** Who wrote, by the id of the event the write became. */
  #writers(): Map<string, TracedStep> {
    const writers = new Map<string, TracedStep>();
    for (const steps of this.#steps.values()) {
      for (const step of steps)
        for (const { eventId } of step.writes) if (eventId !== undefined) writers.set(eventId, step);
    }
    return writers;
  }
}

/** The step whose write is the step's cause. The end of an object is laid to whoever had it deleted, as no version tells. */
function writerOf(step: TracedStep, writers: ReadonlyMap<string, TracedStep>): TracedStep | undefined {
  const { id, type } = step.cause;
  const exact = writers.get(id);
  const [uid = ""] = id.split("/");
  const ends = type.endsWith(".deleting") || type.endsWith(".deleted");
  const writer = exact ?? (ends ? writers.get(`${uid}/`) : undefined);
  return writer === step ? undefined : writer;
}
