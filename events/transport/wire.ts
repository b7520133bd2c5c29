import * as z from "zod";
import { SKIP_ANNOTATION } from "#events/hub/persons-word.ts";
import { NOTE_ANNOTATION } from "#events/hub/projection.ts";
import { RunnerFault, writeNoteSchema, type RunResult, type Written } from "#events/transport/runner.ts";
import { outcomeSchema } from "#functions/contract/outcome.ts";
import { UnfitData } from "#functions/contract/step-data.ts";
import { KubeError, type KubeErrorDetail, type KubeErrorReason } from "#platform/kube/errors.ts";
import {
  kubeObjectSchema,
  objectMetaSchema,
  resourceTypeSchema,
  type KubeObject,
  type ObjectMeta,
} from "#platform/kube/resource.ts";
import type { ResourceView } from "#platform/kube/view.ts";

const reasons: readonly [KubeErrorReason, ...KubeErrorReason[]] = [
  "conflict",
  "alreadyExists",
  "notFound",
  "invalid",
  "forbidden",
  "unauthorized",
  "gone",
  "tooMany",
  "timeout",
  "unavailable",
];
const details: readonly [KubeErrorDetail, ...KubeErrorDetail[]] = [
  "uidMismatch",
  "versionTooLarge",
  "notServed",
  "notSent",
];

/** What ended a run early, without any text of a server or a handler: such text may quote what must not travel. */
const faultSchema = z.discriminatedUnion("kind", [
  z.object({
    kind: z.literal("kube"),
    reason: z.enum(reasons),
    dependency: z.string(),
    status: z.number().optional(),
    retryAfterMs: z.number().optional(),
    detail: z.enum(details).optional(),
  }),
  z.object({ kind: z.literal("error"), name: z.string() }),
  /** The snapshot does not fit what this version of the function looks at. */
  z.object({ kind: z.literal("unfit"), problem: z.string() }),
]);

type WireFault = z.infer<typeof faultSchema>;

const answerSchema = z.object({
  token: z.string(),
  outcomes: z.record(z.string(), outcomeSchema),
  fault: faultSchema.optional(),
  written: z.array(z.object({ connection: z.string(), type: resourceTypeSchema, object: kubeObjectSchema })),
  writes: z.array(writeNoteSchema),
  reached: z.array(z.string()),
});

/** The answer to a dispatch as JSON. */
export type RunAnswer = z.infer<typeof answerSchema>;

/** A run's result for the wire. Of objects that were written only what some function's view names is in it. */
export function answerOf(result: RunResult, views: readonly ResourceView<unknown>[]): RunAnswer {
  return {
    token: result.token,
    outcomes: Object.fromEntries(result.outcomes),
    ...("fault" in result && { fault: wireFault(result.fault) }),
    written: result.written.flatMap((each) => stripped(each, views)),
    writes: [...(result.writes ?? [])],
    reached: [...(result.reached ?? [])],
  };
}

/** A result out of an answer. Throws {@link RunnerFault} for what is none, and for a function of a version that cannot read the hub's snapshots. */
export function resultOf(json: unknown): RunResult {
  const answer = answerSchema.safeParse(json);
  if (!answer.success) throw faultOf("the answer is none of a function");
  const { outcomes, fault, ...rest } = answer.data;
  if (fault?.kind === "unfit")
    throw faultOf(
      `the function cannot read what the hub sends; are both of one version? ${fault.problem.slice(0, 200)}`,
    );
  const result = { ...rest, outcomes: new Map(Object.entries(outcomes)) };
  return fault === undefined ? result : { ...result, fault: thrownFault(fault) };
}

function faultOf(said: string): RunnerFault {
  return new RunnerFault(new Error(said), { said });
}

/** What a handler threw in another process. Its name is all that came over. */
class RemoteError extends Error {
  constructor(name: string) {
    super("a step threw in the process of its function; its log says more");
    this.name = name;
  }
}

function wireFault(fault: unknown): WireFault {
  if (fault instanceof KubeError) {
    const { reason, dependency, status, retryAfterMs, detail } = fault;
    return { kind: "kube", reason, dependency, status, retryAfterMs, detail };
  }
  if (fault instanceof UnfitData) return { kind: "unfit", problem: fault.message };
  return { kind: "error", name: fault instanceof Error ? fault.name : "unknown fault" };
}

function thrownFault(fault: Exclude<WireFault, { kind: "unfit" }>): Error {
  if (fault.kind === "error") return new RemoteError(fault.name);
  const { kind: _, ...fields } = fault;
  return new KubeError({ ...fields, message: `${fault.reason} at ${fault.dependency}` });
}

/** The object as its view sees it, in the form the API server has it, so that the hub reads it like any other; none for a kind nobody looks at. */
function stripped({ connection, type, object }: Written, views: readonly ResourceView<unknown>[]): Written[] {
  const view = views.find(({ type: known }) => known.plural === type.plural && known.group === type.group);
  const seen = seenSchema.safeParse(view?.schema.safeParse(object).data);
  if (!seen.success) return [];
  const { metadata: own, ...body } = seen.data;
  const { apiVersion, kind } = object;
  return [{ connection, type, object: { ...body, apiVersion, kind, metadata: metadataOf(object, own) } }];
}

const seenSchema = z.looseObject({ metadata: z.looseObject({}).prefault({}) });

/** What the view names of the metadata, and what the hub itself goes by. */
function metadataOf({ metadata }: KubeObject, seen: Readonly<Record<string, unknown>>): ObjectMeta {
  const own = Object.entries(metadata).filter(([field]) => HUB_FIELDS.has(field));
  const said = Object.entries(metadata.annotations ?? {}).filter(([name]) => HUB_ANNOTATIONS.has(name));
  const named = z.record(z.string(), z.string()).safeParse(seen["annotations"]).data;
  const annotations = { ...named, ...Object.fromEntries(said) };
  return objectMetaSchema.parse({ ...seen, ...Object.fromEntries(own), annotations });
}

const HUB_FIELDS: ReadonlySet<string> = new Set([
  "name",
  "namespace",
  "uid",
  "resourceVersion",
  "generation",
  "creationTimestamp",
  "deletionTimestamp",
  "deletionGracePeriodSeconds",
  "finalizers",
  // Views leave parts of an owner out that an object must have.
  "ownerReferences",
]);

const HUB_ANNOTATIONS: ReadonlySet<string> = new Set([NOTE_ANNOTATION, SKIP_ANNOTATION]);
