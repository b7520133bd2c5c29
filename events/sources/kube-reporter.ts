import * as z from "zod";
import { conditionSchema } from "#api/condition.ts";
import { NOTE_ANNOTATION } from "#events/hub/projection.ts";
import { writeNote, type FunctionNote } from "#events/hub/note.ts";
import type { Reporter } from "#events/hub/reporter.ts";
import type { StepFunction } from "#functions/contract/function.ts";
import type { Announcement, ObjectIdentity } from "#functions/contract/deps.ts";
import { mergeConditions, sameConditions, type WantedCondition } from "#platform/cluster-api/conditions.ts";
import type { KubeClient } from "#platform/kube/client.ts";
import { withFreshObject } from "#platform/kube/fresh-object.ts";
import type { ObjectName } from "#platform/kube/resource.ts";
import { secrets } from "#platform/kube/resources.ts";
import type { Clock } from "#platform/process/clock.ts";

export interface KubeReporterOptions {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly announce: (regarding: ObjectIdentity, event: Announcement) => void;
  /** Told of a report that could not be written; it is not tried again. */
  readonly dropped: (what: string, error: unknown) => void;
}

const statusSchema = z.looseObject({
  status: z.looseObject({ conditions: z.array(conditionSchema).default([]) }).prefault({}),
});

/** Reports to people through the Kubernetes API: annotation for the hub's note, condition and Event for what failed. */
export function kubeReporter(options: KubeReporterOptions): Reporter {
  /** Reports about one object follow each other, so that none overwrites another. */
  const tails = new Map<string, Promise<void>>();
  const report = (what: string, uid: string, write: () => Promise<void>): void => {
    const tail = (tails.get(uid) ?? Promise.resolve())
      .then(write)
      .catch((error: unknown) => options.dropped(what, error));
    tails.set(uid, tail);
    void tail.then(() => {
      if (tails.get(uid) === tail) tails.delete(uid);
    });
  };
  const condition = (fn: StepFunction, object: ObjectName, uid: string, wanted: WantedCondition) => {
    // A Secret has no status: people are told by the Event alone.
    if (fn.for.type === secrets) return;
    report(`condition ${wanted.type}`, uid, async () => {
      await withFreshObject(options.client, fn.for.type, object, async (current) => {
        if (current.metadata.uid !== uid) return;
        const before = statusSchema.parse(current).status.conditions;
        const now = { ...wanted, observedGeneration: current.metadata.generation };
        if (sameConditions(before, [now])) return;
        const conditions = mergeConditions(before, [now], new Date(options.clock.now()));
        const patch = {
          metadata: { resourceVersion: current.metadata.resourceVersion },
          status: { conditions },
        };
        await options.client.mergePatch(fn.for.type, object, patch, {
          subresource: "status",
          fieldManager: "capfn-hub",
        });
      });
    });
  };
  return {
    note: (fn, object, uid, note) =>
      report("note", uid, () => writeNoteOn(options.client, fn, object, { uid, note })),
    failed: (fn, object, uid, { reason, message }) => {
      condition(fn, object, uid, { type: fn.condition, status: "False", reason, message });
      const meta = { ...object, uid, resourceVersion: "" };
      options.announce({ type: fn.for.type, meta }, { type: "Warning", reason, message });
    },
    thrashing: (fn, object, uid, manager) => {
      if (manager === undefined) {
        const message = `${fn.name} is no longer undone`;
        condition(fn, object, uid, { type: "Thrashing", status: "False", reason: "Settled", message });
        return;
      }
      const message = `${fn.name} keeps being undone; what it looks at was last changed by field manager "${manager}". It now looks once per 30 s`;
      condition(fn, object, uid, { type: "Thrashing", status: "True", reason: "RepeatedlyUndone", message });
    },
  };
}

async function writeNoteOn(
  client: KubeClient,
  fn: StepFunction,
  object: ObjectName,
  what: { uid: string; note: FunctionNote | undefined },
): Promise<void> {
  await withFreshObject(client, fn.for.type, object, async (current) => {
    if (current.metadata.uid !== what.uid) return;
    const text = current.metadata.annotations?.[NOTE_ANNOTATION];
    const next = writeNote(text, fn.name, what.note);
    if (next === (text ?? null)) return;
    const metadata = {
      resourceVersion: current.metadata.resourceVersion,
      annotations: { [NOTE_ANNOTATION]: next },
    };
    await client.mergePatch(fn.for.type, object, { metadata }, { fieldManager: "capfn-hub" });
  });
}
