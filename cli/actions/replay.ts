import type { ClusterFlags } from "#cli/commands/flags.ts";
import type { NamedObject } from "#cli/commands/object-argument.ts";
import { managementClient, personOf } from "#cli/operator/management.ts";
import { absent, functionOf, questionOf, targetOf, type Target } from "#cli/operator/own-functions.ts";
import type { Terminal } from "#cli/terminal.ts";
import { readNotes, writeNote } from "#events/hub/note.ts";
import { skipsInForce, SKIP_ANNOTATION, writeSkips } from "#events/hub/persons-word.ts";
import { NOTE_ANNOTATION } from "#events/hub/projection.ts";
import { withFreshObject } from "#platform/kube/fresh-object.ts";
import type { ObjectMeta } from "#platform/kube/resource.ts";

export interface ReplayFlags extends ClusterFlags {
  readonly function?: string;
}

/** What a replay takes off an object. */
interface Replay {
  readonly functions: readonly string[];
  readonly annotations: Readonly<Record<string, string | null>>;
}

/** Takes park and skip off an object, so that the hub looks again with a fresh budget. Once more does nothing. */
export async function replay(object: NamedObject, flags: ReplayFlags, terminal: Terminal): Promise<void> {
  const target = targetOf(questionOf(object, flags.namespace));
  const names =
    flags.function === undefined
      ? target.functions.map(({ name }) => name)
      : [functionOf(target, flags.function).name];
  const by = await personOf(flags);
  const client = await managementClient(flags, terminal);
  let said: readonly string[] = [];
  try {
    const found = await withFreshObject(client, target.type, target.ref, async ({ metadata }) => {
      const wanted = replayOf(metadata, names, { at: terminal.clock.now(), by });
      if (wanted.functions.length === 0) {
        said = [nothingTo(target, metadata, names)];
        return;
      }
      const { resourceVersion } = metadata;
      const patch = { metadata: { resourceVersion, annotations: wanted.annotations } };
      await client.mergePatch(target.type, target.ref, patch, { fieldManager: "capfn-cli" });
      said = wanted.functions.map((fn) => `${fn} of ${target.shown} is tried again, with a fresh budget`);
    });
    if (!found) throw absent(target);
    for (const line of said) terminal.print(line);
  } finally {
    client.close();
  }
}

/** Pure: the annotations after the replay of these functions, as far as one of them is parked or skipped. */
function replayOf(
  { annotations = {}, ...metadata }: ObjectMeta,
  names: readonly string[],
  { at, by }: { at: number; by: string },
): Replay {
  const text = annotations[NOTE_ANNOTATION];
  const notes = readNotes(text);
  const skips = skipsInForce(annotations[SKIP_ANNOTATION], metadata);
  const parked = names.filter((name) => notes[name]?.parked !== undefined);
  const skipped = names.filter((name) => skips[name] !== undefined);
  const replayed = { at: new Date(at).toISOString(), by };
  const note = parked.reduce<string | undefined>(
    (now, name) => writeNote(now, name, { faults: 0, since: at, replayed }) ?? undefined,
    text,
  );
  const kept = Object.fromEntries(Object.entries(skips).filter(([name]) => !skipped.includes(name)));
  return {
    functions: [...new Set([...parked, ...skipped])],
    annotations: {
      ...(parked.length > 0 && { [NOTE_ANNOTATION]: note ?? null }),
      ...(skipped.length > 0 && { [SKIP_ANNOTATION]: writeSkips(kept) }),
    },
  };
}

function nothingTo({ shown }: Target, { annotations = {} }: ObjectMeta, names: readonly string[]): string {
  const notes = readNotes(annotations[NOTE_ANNOTATION]);
  const asked = names.find((name) => notes[name]?.replayed !== undefined);
  const since = asked === undefined ? undefined : notes[asked]?.replayed;
  return since === undefined
    ? `nothing of ${shown} is parked or skipped; what functions wait for: capfn why ${shown}`
    : `${asked ?? ""} of ${shown} is to be tried again already, since ${since.at} (${since.by}); if nothing happens, no hub runs: capfn why ${shown}`;
}
