import { CloudEvent } from "cloudevents";
import type { Dispatch } from "#events/transport/runner.ts";
import type { RunItem } from "#functions/contract/function.ts";
import type { ItemData, StepData } from "#functions/contract/step-data.ts";
import { compareVersions } from "#events/hub/versions.ts";
import type { SeenMeta } from "#platform/kube/view.ts";

/** Digits of `sequence`: the extension orders as text, and a resourceVersion is an unsigned 64-bit number. */
const SEQUENCE_DIGITS = 20;

/**
 * A dispatch as a CloudEvents 1.0 event. `type`, `source` and `time` are those of what caused it, `causationid` is that event's id; its own
 * `id` is `<function>/<attempt>`, the same however often it is sent. `partitionkey` (Partitioning extension) is the key under which nothing
 * else runs, `sequence` (Sequence extension) the object's resourceVersion. Throws `PredicateFailed`; undefined when all its objects are gone.
 */
export function dispatchEvent(dispatch: Dispatch): CloudEvent<StepData> | undefined {
  const { function: fn, key, attempt } = dispatch;
  const handed = dispatch.items.flatMap((item) => {
    const view = fn.evaluate(item.object, dispatch.lookup)?.view;
    return view === undefined ? [] : [{ item, view }];
  });
  const [first] = handed;
  if (first === undefined) return undefined;
  const { cause } = first.item;
  const { meta } = first.view.object;
  const items = handed.map(({ item, view: { object, related, unknown } }): ItemData => {
    const data = { object, related, unknown, ...waitOf(item) };
    return fn.batch ? { ...data, cause: item.cause } : data;
  });
  const [only] = items;
  return new CloudEvent<StepData>({
    id: `${fn.name}/${attempt.token}`,
    type: cause.type,
    source: cause.source,
    time: cause.time,
    subject: subjectOf(fn.for.type.plural, meta),
    datacontenttype: "application/json",
    partitionkey: key,
    sequence: newest(handed.map(({ view }) => view.object.meta)).padStart(SEQUENCE_DIGITS, "0"),
    causationid: cause.id,
    function: fn.name,
    attempt: attempt.token,
    data: fn.batch || only === undefined ? { items } : only,
  });
}

function waitOf({ wait }: RunItem): Pick<ItemData, "wait"> {
  return wait === undefined ? {} : { wait };
}

function subjectOf(plural: string, { namespace, name }: SeenMeta): string {
  return namespace === undefined ? `${plural}/${name}` : `namespaces/${namespace}/${plural}/${name}`;
}

function newest(metas: readonly SeenMeta[]): string {
  return metas
    .map(({ resourceVersion }) => resourceVersion)
    .reduce((a, b) => (compareVersions(a, b) < 0 ? b : a), "0");
}
