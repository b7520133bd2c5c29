import * as z from "zod";
import type { HubEvent } from "#events/hub/observer.ts";
import { writeNoteSchema } from "#events/transport/runner.ts";
import { causeSchema } from "#functions/contract/step-data.ts";
import type { Clock } from "#platform/process/clock.ts";

/** Ended runs remembered of one object. */
const PER_OBJECT = 32;
/** Characters remembered of all together, some 1,500 runs; nothing is held where nothing happens. */
const IN_ALL = 1_000_000;
/** Writes remembered of one run, and characters of its reason. */
const WRITES = 12;
const REASON = 200;

const stepSchema = z.object({
  /** `<function>/<attempt>`: id of the CloudEvent it was dispatched with. */
  id: z.string(),
  /** Counts the steps as they ended; several end within one millisecond. */
  order: z.number(),
  function: z.string(),
  /** Wall clock ms. */
  endedAt: z.number(),
  durationMs: z.number(),
  outcome: z.string(),
  reason: z.string(),
  cause: causeSchema,
  /** The first writes of the run, and how many more there were. */
  writes: z.array(writeNoteSchema),
  writesLeftOut: z.number(),
});

/** One ended run, as it is remembered, with what it was for: `<connection>|<resource>|<namespace>/<name>`. */
type TracedStep = z.infer<typeof stepSchema> & { readonly object: string };

/** A step in the order of cause and effect. */
export type LinkedStep = TracedStep & {
  /** Id of the step whose write was the cause; undefined when the cause came from outside, or is no longer remembered. */
  readonly causedBy: string | undefined;
};

/**
 * The last runs of each object, in memory only: what happened, why, and what it wrote. Bounded per object and in all; when it is full, the object at
 * which nothing happened for the longest time is forgotten. A help for people: nothing is decided by it. Each step is kept as one JSON text, a third
 * of the size of objects, and read when somebody asks.
 */
export class TraceMemory {
  readonly #clock: Clock;
  /** By object, the one touched last at the end. */
  readonly #steps = new Map<string, string[]>();
  #characters = 0;
  #count = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Characters remembered. */
  get size(): number {
    return this.#characters;
  }

  record(event: HubEvent): void {
    if (event.kind !== "outcome") return;
    const { object, writes, reason, cause, durationMs, outcome } = event;
    const step: z.infer<typeof stepSchema> = {
      id: `${event.function}/${event.attempt}`,
      order: (this.#count += 1),
      function: event.function,
      endedAt: this.#clock.now(),
      durationMs: Math.round(durationMs * 10) / 10,
      outcome,
      reason: reason.slice(0, REASON),
      cause,
      writes: writes.slice(0, WRITES),
      writesLeftOut: Math.max(0, writes.length - WRITES),
    };
    const text = JSON.stringify(step);
    const kept = [...(this.#steps.get(object) ?? []), text];
    this.#forget(object);
    this.#remember(object, kept.slice(-PER_OBJECT));
    for (const oldest of this.#steps.keys()) {
      if (this.#characters <= IN_ALL) return;
      this.#forget(oldest);
    }
  }

  /** The steps of an object and, through the objects they were for, those that led to them; oldest first. */
  of(object: string): LinkedStep[] {
    if (!this.#steps.has(object)) return [];
    const all = [...this.#steps].flatMap(([name, texts]) => texts.map((text) => read(name, text)));
    const writers = writersAmong(all);
    const found = new Map<TracedStep, LinkedStep>();
    const open = all.filter((step) => step.object === object);
    for (let step = open.pop(); step !== undefined; step = open.pop()) {
      if (found.has(step)) continue;
      const writer = writerOf(step, writers);
      found.set(step, { ...step, causedBy: writer?.id });
      if (writer !== undefined) open.push(writer);
    }
    return [...found.values()].toSorted((a, b) => a.order - b.order);
  }

  #remember(object: string, texts: string[]): void {
    this.#steps.set(object, texts);
    this.#characters += sizeOf(object, texts);
  }

  #forget(object: string): void {
    const texts = this.#steps.get(object);
    if (texts === undefined) return;
    this.#steps.delete(object);
    this.#characters -= sizeOf(object, texts);
  }
}

function sizeOf(object: string, texts: readonly string[]): number {
  return texts.reduce((sum, { length }) => sum + length, object.length);
}

function read(object: string, text: string): TracedStep {
  return { ...stepSchema.parse(JSON.parse(text)), object };
}

/** Who wrote, by the id of the event the write became. */
function writersAmong(steps: readonly TracedStep[]): ReadonlyMap<string, TracedStep> {
  return new Map(
    steps.flatMap((step) =>
      step.writes.flatMap(({ eventId }) => (eventId === undefined ? [] : [[eventId, step] as const])),
    ),
  );
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
