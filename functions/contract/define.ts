import type { Deps } from "#functions/contract/deps.ts";
import type {
  BatchDeclaration,
  Cause,
  Declaration,
  ObjectKey,
  RunItem,
  StepDeclaration,
  StepEvent,
  StepFunction,
  View,
} from "#functions/contract/function.ts";
import type { Outcome } from "#functions/contract/outcome.ts";
import { PredicateFailed } from "#functions/contract/predicate-failed.ts";
import type { Lookup } from "#functions/contract/relations.ts";
import { readItems, readSeen, type ReadItem } from "#functions/contract/step-data.ts";

const DEFAULT_TIMEOUT_MS = 30_000;

/** Declares a function: what it looks at, when there is work, and the one step it does. */
export function defineFunction<P, R>(declaration: StepDeclaration<P, R>): StepFunction {
  return described(declaration, false, async (events, deps) => {
    const outcomes = new Map<string, Outcome>();
    for (const event of events) outcomes.set(event.object.meta.uid, await declaration.handle(event, deps));
    return outcomes;
  });
}

/** Declares a function whose step serves all due items of its key at once. */
export function defineBatchFunction<P, R>(declaration: BatchDeclaration<P, R>): StepFunction {
  return described(declaration, true, (events, deps) =>
    events.length === 0 ? Promise.resolve(new Map()) : declaration.handleBatch({ items: events }, deps),
  );
}

type RunEvents<P, R> = (
  events: readonly StepEvent<P, R>[],
  deps: Deps,
) => Promise<ReadonlyMap<string, Outcome>>;

function described<P, R>(
  declaration: Declaration<P, R>,
  batch: boolean,
  runEvents: RunEvents<P, R>,
): StepFunction {
  const views = [declaration.for, ...declaration.related.views];
  return {
    batch,
    run: (items, lookup, deps) => runEvents(eventsOf(declaration, items, lookup), deps),
    runFromData: async (data, cause, deps) =>
      runEvents(
        readItems(data, batch).map((item) => readEvent(declaration, item, cause)),
        deps,
      ),
    name: declaration.name,
    summary: declaration.summary,
    on: declaration.on,
    for: declaration.for,
    views,
    condition: declaration.condition,
    rbac: declaration.rbac,
    uses: declaration.uses,
    writes: [...views, ...(declaration.writes ?? [])],
    deletes: declaration.deletes ?? false,
    timeoutMs: declaration.timeoutMs ?? DEFAULT_TIMEOUT_MS,
    evaluate: (object, lookup) => {
      const seen = look(declaration, object, lookup);
      if (seen === undefined) return undefined;
      const { view, edges, blockedOn } = seen;
      const ownKey = `${declaration.for.type.plural}/${view.object.meta.uid}`;
      if (blockedOn.length > 0)
        return { need: false, key: ownKey, inputs: undefined, edges, blockedOn, view };
      try {
        const need = declaration.needs(view);
        const key = declaration.key?.(view) ?? ownKey;
        // Inputs are compared only where there is work; most objects, most of the time, need none.
        const inputs = need === false ? undefined : declaration.inputs(view);
        return { need, key, inputs, edges, blockedOn, view };
      } catch (error) {
        throw new PredicateFailed(error, edges);
      }
    },
  };
}

function look<P, R>(declaration: Declaration<P, R>, object: ObjectKey, lookup: Lookup) {
  const seen = lookup.get(declaration.for, object);
  if (seen === undefined) return undefined;
  const { related, edges, blockedOn, unknown } = declaration.related.resolve(seen, lookup);
  const view: View<P, R> = { object: seen, related, unknown };
  return { view, edges, blockedOn };
}

/** The newest snapshot of each item; an item whose object has vanished meanwhile is left out. */
function eventsOf<P, R>(declaration: Declaration<P, R>, items: readonly RunItem[], lookup: Lookup) {
  return items.flatMap(({ object, cause, wait }) => {
    const seen = look(declaration, object, lookup);
    if (seen === undefined) return [];
    const event: StepEvent<P, R> = { ...seen.view, cause, wait };
    return [event];
  });
}

/** What an item's step is handed, out of JSON. */
function readEvent<P, R>(declaration: Declaration<P, R>, item: ReadItem, cause: Cause): StepEvent<P, R> {
  return {
    object: readSeen(declaration.for, item.object),
    related: declaration.related.read(item.related),
    unknown: item.unknown,
    cause: item.cause ?? cause,
    wait: item.wait,
  };
}
