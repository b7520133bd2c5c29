import type { Actor, Cast } from "#cli/contract-check/exercise/cast.ts";
import { conditionStatus, isProvisioned, readInfra } from "#cli/contract-check/infra-object.ts";
import { broken, judged, kept, notLookedAt, type Verdict } from "#cli/contract-check/verdict.ts";
import type { KubeReader } from "#platform/kube/client.ts";
import type { KubeObject } from "#platform/kube/resource.ts";
import { sleep, type Clock } from "#platform/process/clock.ts";

const POLL_MS = 250;
/** What the provider does about its objects it does about as soon as it has told of the paused ones. */
const SETTLE_MS = 2_000;

/** Waits for the provider to notice the paused objects, then looks at what it did about all of them. */
export async function reactionVerdicts(
  client: KubeReader,
  cast: Cast,
  { clock, waitMs }: { readonly clock: Clock; readonly waitMs: number },
): Promise<readonly Verdict[]> {
  const told = await untilPaused(client, cast.paused, { clock, waitMs });
  if (told.size > 0) await sleep(clock, SETTLE_MS);
  const untold = cast.paused.filter((each) => !told.has(each));
  const reacts = told.size > 0;
  const seconds = Math.round(waitMs / 1000);
  return [
    ...[...told].map((each) => kept("pause-told", nameOf(each))),
    ...untold.map((each) =>
      broken("pause-told", nameOf(each), {
        seen: `after ${seconds} s there is no condition Paused=True`,
        mend: "publish it, also for a paused object; if the provider does not run, start it",
      }),
    ),
    ...(await untouched(client, "pause-kept", cast.paused, reacts)),
    ...(await untouched(client, "owner-first", cast.ownerless, reacts)),
    await managedVerdict(client, cast.managed, reacts),
    await movedVerdict(client, cast.moved, reacts),
  ];
}

async function untilPaused(
  client: KubeReader,
  actors: readonly Actor[],
  { clock, waitMs }: { readonly clock: Clock; readonly waitMs: number },
): Promise<ReadonlySet<Actor>> {
  const told = new Set<Actor>();
  const deadline = clock.monotonic() + waitMs;
  for (;;) {
    for (const each of actors) {
      const now = await current(client, each);
      if (now !== undefined && conditionStatus(readInfra(now), "Paused") === "True") told.add(each);
    }
    if (told.size === actors.length || clock.monotonic() >= deadline) return told;
    await sleep(clock, POLL_MS);
  }
}

const noReaction =
  "the provider has shown no reaction, so that it left this alone says nothing; see pause-told";

async function untouched(
  client: KubeReader,
  clause: "pause-kept" | "owner-first",
  actors: readonly Actor[],
  reacts: boolean,
): Promise<readonly Verdict[]> {
  const verdicts: Verdict[] = [];
  for (const each of actors) {
    const seen = traces(each, await current(client, each));
    const mend =
      clause === "pause-kept"
        ? "return before anything else when Cluster.spec.paused or the annotation is set"
        : "return before anything else until core has set the owner reference";
    verdicts.push(
      seen === undefined && !reacts
        ? notLookedAt(clause, nameOf(each), noReaction)
        : judged(clause, nameOf(each), seen === undefined ? undefined : { seen, mend }),
    );
  }
  return verdicts;
}

async function managedVerdict(client: KubeReader, actor: Actor, reacts: boolean): Promise<Verdict> {
  const on = nameOf(actor);
  const now = await current(client, actor);
  const read = now === undefined ? undefined : readInfra(now);
  const seen =
    traces(actor, now) ??
    (read !== undefined && !isProvisioned(read) ? "provisioned was taken back" : undefined) ??
    (read !== undefined && read.status.conditions.length > 0 ? "conditions were written" : undefined);
  if (seen === undefined && !reacts) return notLookedAt("managed-by", on, noReaction);
  const mend = "return first of all when the annotation cluster.x-k8s.io/managed-by is there";
  return judged("managed-by", on, seen === undefined ? undefined : { seen, mend });
}

async function movedVerdict(client: KubeReader, actor: Actor | undefined, reacts: boolean): Promise<Verdict> {
  if (actor === undefined)
    return notLookedAt(
      "move-safe",
      "",
      "the provider's finalizer is not known; put it into metadata.finalizers of the machine in --from",
    );
  const on = nameOf(actor);
  const before = actor.made.metadata.finalizers ?? [];
  const now = (await current(client, actor))?.metadata.finalizers ?? [];
  if (before.every((each) => now.includes(each)))
    return reacts ? kept("move-safe", on) : notLookedAt("move-safe", on, noReaction);
  return broken("move-safe", on, {
    seen: "the finalizer came off a paused object with the annotation clusterctl.cluster.x-k8s.io/delete-for-move",
    mend: "do nothing about a deleted object while its Cluster is paused or the annotation is there: what it stands for lives on elsewhere",
  });
}

/** What the provider has done to an object besides its status; undefined when nothing. */
function traces({ made }: Actor, now: KubeObject | undefined): string | undefined {
  if (now === undefined) return "the object is gone";
  const added = (now.metadata.finalizers ?? []).filter((each) => !made.metadata.finalizers?.includes(each));
  if (added.length > 0) return `a finalizer was put on: ${added.join(", ")}`;
  return JSON.stringify(now["spec"]) === JSON.stringify(made["spec"]) ? undefined : "its spec was changed";
}

function current(client: KubeReader, { type, made }: Actor): Promise<KubeObject | undefined> {
  const { namespace, name } = made.metadata;
  return client.get(type, { namespace, name });
}

function nameOf({ type, made }: Actor): string {
  return `${type.kind} "${made.metadata.name}"`;
}
