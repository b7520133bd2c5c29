import { Admission, type Admitted } from "#events/hub/admission.ts";
import { Attempts, DeadlinePassed, type Run } from "#events/hub/attempts.ts";
import { Breakers } from "#events/hub/breakers.ts";
import { deadDependency } from "#events/hub/faults.ts";
import { HandedOut, type WrittenObject } from "#events/hub/handed-out.ts";
import type { Heard } from "#events/hub/hints.ts";
import { HeldBack } from "#events/hub/held-back.ts";
import { objectName } from "#events/hub/names.ts";
import { Outcomes } from "#events/hub/outcomes.ts";
import type { HubParts } from "#events/hub/parts.ts";
import type { Settling } from "#events/hub/settling.ts";
import type { Queued } from "#events/hub/work-queue.ts";
import { RunnerFault, type RunResult, type Written } from "#events/transport/runner.ts";
import type { Cause } from "#functions/contract/function.ts";
import { isKubeError } from "#platform/kube/errors.ts";
import type { ObjectRef, ResourceView } from "#platform/kube/view.ts";

/** What the hub made of a run's own writes. */
export interface OwnEffect {
  /** Those whose kind the hub looks at, oldest first. */
  readonly written: readonly WrittenObject[];
  /** Somebody else's change that the run did not see lies under one of them. */
  readonly disturbed: boolean;
}

interface RunsParts extends HubParts {
  readonly settling: Settling;
  readonly epoch: () => number;
  readonly arrivals: RunArrivals;
  /** Judges an item's object again. */
  readonly again: (id: string, cause: Cause) => void;
  /** Somebody says that an object is worth a look. */
  readonly hint: (view: ResourceView<unknown>, ref: ObjectRef, cause: Cause) => void;
}

/** Where a run's own writes are told from everybody else's. */
export interface RunArrivals {
  openWindow(): number;
  closeWindow(window: number): void;
  /** Takes a run's own writes into the index. */
  own(written: readonly Written[], run: Run): OwnEffect;
}

/** Takes items from the line and runs them: newest snapshot, one of a key at a time, with a deadline; only the current attempt's outcome counts. */
export class Runs {
  readonly #parts: RunsParts;
  readonly #outcomes: Outcomes;
  readonly #attempts: Attempts;
  readonly #breakers: Breakers;
  readonly #heldBack: HeldBack;
  readonly #admission: Admission;
  #count = 0;
  #stopping = false;

  constructor(parts: RunsParts) {
    const { clock, policy } = parts.options;
    this.#parts = parts;
    this.#outcomes = new Outcomes(parts);
    this.#attempts = new Attempts(clock, policy.deadlineMarginMs);
    this.#breakers = new Breakers(clock, policy.breaker);
    this.#heldBack = new HeldBack(clock, this.#breakers, (id) => {
      const item = parts.items.get(id);
      if (item !== undefined) parts.again(id, item.cause);
    });
    this.#admission = new Admission({
      ...parts,
      breakers: this.#breakers,
      heldBack: this.#heldBack,
      inFlightAt: (server) => this.#attempts.inFlightAt(server),
      isRunning: (id) => this.#attempts.isRunning(id),
    });
  }

  /** Starts whatever may start now. */
  pump(): void {
    const { queue, options } = this.#parts;
    while (this.#mayStart() && queue.inFlight < options.policy.maxInFlight) {
      const next = queue.take();
      if (next !== undefined) this.#start(next);
      else if (!this.#openGates()) return;
    }
  }

  #mayStart(): boolean {
    const { dispatch, mayAct } = this.#parts.options;
    return dispatch && !this.#stopping && (mayAct?.() ?? true);
  }

  /** Where the run of an item stands, for people; undefined when there is none under way. */
  standing(id: string): string | undefined {
    const token = this.#attempts.tokenOf(id);
    if (token === undefined) return undefined;
    return this.#parts.options.runner.pods?.standing(token) ?? "runs";
  }

  openBreakers(): readonly string[] {
    return this.#breakers.open();
  }

  /** Nothing is held against this API server, or back because of it, any more. */
  forgive(server: string): void {
    this.#breakers.forget(server);
    this.#heldBack.ended([server]);
  }

  /** No further dispatches. */
  stop(): void {
    this.#stopping = true;
    this.#heldBack.stop();
  }

  /** No further dispatches; what is under way gets until `graceMs` to end, and may not write after that. */
  async drain(graceMs: number): Promise<void> {
    this.stop();
    await this.#attempts.drained(graceMs);
    this.abort("the hub stops");
  }

  /** What is under way may not write any more. */
  abort(reason: string): void {
    this.#attempts.abortAll(reason);
  }

  #start(queued: Queued): void {
    const handedOut = new HandedOut(this.#parts.index);
    const admitted = this.#admission.admit(queued, handedOut);
    if (admitted !== undefined) this.#dispatch(queued.key, admitted, handedOut);
  }

  /** Lets items that waited for a place at an API server step in line, as far as there are places now. */
  #openGates(): boolean {
    const { queue, options } = this.#parts;
    const most = options.policy.maxInFlightPerServer;
    return queue
      .gates()
      .map((server) => queue.openGate(server, most - this.#attempts.inFlightAt(server)))
      .some((count) => count > 0);
  }

  #dispatch(key: string, { items, dependencies }: Admitted, handedOut: HandedOut): void {
    const { options, arrivals, hints } = this.#parts;
    const [first] = items;
    if (first === undefined) return;
    const { function: fn } = first;
    const token = `${this.#parts.epoch()}.${(this.#count += 1)}`;
    for (const item of items) this.#unpark(item);
    this.#breakers.sent(dependencies);
    const window = arrivals.openWindow();
    const heard = hints.listen(items.map(({ object }) => objectName(fn.for.type, object)));
    let unproven: RunResult | undefined;
    const late = () => options.observe({ kind: "late", function: fn.name, attempt: token });
    const run = this.#attempts.begin(
      { token, key, function: fn, items, handedOut, dependencies, window, heard },
      options.runner.pods?.longestWaitMs ?? 0,
      (abandoned) => {
        this.#finish(abandoned, unproven ?? new DeadlinePassed("no answer"));
        // Whatever it still answers is dropped by the runner.
        if (unproven !== undefined) late();
      },
    );
    const hintedAt = Math.min(...items.map((item) => item.hintedAt ?? run.startedAt));
    for (const item of items) item.hintedAt = undefined;
    options.observe({
      kind: "dispatched",
      function: fn.name,
      key,
      items: items.length,
      wakeMs: run.startedAt - hintedAt,
      attempt: token,
    });
    void answerOf(token, () =>
      options.runner.run({
        function: fn,
        key,
        items: items.map(({ object, cause, wait }) => ({ object, cause, wait })),
        lookup: handedOut,
        attempt: { token, signal: run.signal },
      }),
    ).then((answer) => {
      if (answer.mayStillRun === true) unproven = answer;
      else if (!this.#finish(token, answer)) late();
    });
  }

  /** A parked item runs again because what it rests on has changed: with a fresh budget. */
  #unpark(item: Run["items"][number]): void {
    if (item.record?.kind !== "parked") return;
    const { clock, observe } = this.#parts.options;
    item.attempts = { faults: 0, since: clock.now() };
    observe({
      kind: "unparked",
      function: item.function.name,
      object: objectName(item.function.for.type, item.object),
    });
  }

  /** Who answered the run. Pods that took it are there, whatever came of it. */
  #reached({ reached, fault }: RunResult, { function: fn }: Run): readonly string[] | undefined {
    const pods = this.#parts.options.runner.pods?.dependencyOf(fn.name);
    if (pods === undefined || (fault instanceof RunnerFault && fault.dependency === pods)) return reached;
    return [...(reached ?? []), pods];
  }

  /**
   * The run answered, or was given up. Whatever happens while it is closed, its key becomes free and its objects are judged again. False when
   * the attempt is not current any more: then nothing it says counts.
   */
  #finish(token: string, answer: RunResult | DeadlinePassed): boolean {
    const { queue, options, hints } = this.#parts;
    const result: RunResult =
      answer instanceof DeadlinePassed ? { token, outcomes: new Map(), fault: answer, written: [] } : answer;
    if (result.token !== token) return false;
    const run = this.#attempts.end(token);
    if (run === undefined) return false;
    hints.end(run.heard);
    const overlong = isOverlong(result, run);
    try {
      this.#breakers.ended(run.dependencies, {
        dead: overlong ? undefined : deadDependency(result.fault),
        reached: this.#reached(result, run),
        completed: result.fault === undefined,
      });
      this.#heldBack.ended(run.dependencies);
      const { written, disturbed } = this.#parts.arrivals.own(result.written, run);
      const ended = {
        result,
        after: written.length === 0 ? run.handedOut : run.handedOut.withWrites(written),
        disturbed,
        overlong,
        hinted: hintedBeside(run.heard, result.written),
        durationMs: options.clock.monotonic() - run.startedAt,
        key: run.key,
        causes: run.causes,
        items: run.items.length,
      };
      for (const item of run.items) this.#outcomes.apply(item, ended);
    } finally {
      this.#parts.arrivals.closeWindow(run.window);
      queue.release(run.key);
      for (const item of run.items) this.#parts.again(item.id, item.cause);
      this.pump();
    }
    return true;
  }
}

/** A batch whose deadline passed although the API servers answered: it was more than one run can do. */
function isOverlong({ fault, reached, overran }: RunResult, { items, signal }: Run): boolean {
  if (items.length <= 1 || fault === undefined || fault instanceof RunnerFault) return false;
  const dead = deadDependency(fault);
  const ranOut =
    overran === true || fault instanceof DeadlinePassed || signal.reason instanceof DeadlinePassed;
  return ranOut && (dead === undefined || (reached?.includes(dead) ?? false));
}

/** Objects of which something else than the run's own writes was said. A change is named by uid and version, as its cause's id is. */
function hintedBeside(heard: Heard, written: readonly Written[]): ReadonlySet<string> {
  const own = new Set(
    written.map(({ object: { metadata } }) => `${metadata.uid}/${metadata.resourceVersion}`),
  );
  return new Set([...heard].filter(([, causes]) => !causes.isSubsetOf(own)).map(([object]) => object));
}

/** The runner's answer. A runner that throws could not run the step at all; an answer that is none counts as a run that said nothing. */
async function answerOf(token: string, run: () => Promise<RunResult>): Promise<RunResult> {
  const nothing = { token, outcomes: new Map(), written: [] };
  try {
    const answer = await run();
    return answer?.outcomes instanceof Map && Array.isArray(answer.written) ? answer : nothing;
  } catch (error) {
    const isKnown = isKubeError(error) || error instanceof RunnerFault;
    return { ...nothing, fault: isKnown ? error : new RunnerFault(error) };
  }
}
