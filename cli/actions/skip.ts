import type { ClusterFlags } from "#cli/commands/flags.ts";
import type { NamedObject } from "#cli/commands/object-argument.ts";
import { managementClient, personOf } from "#cli/operator/management.ts";
import { absent, functionOf, questionOf, targetOf, type Target } from "#cli/operator/own-functions.ts";
import type { Terminal } from "#cli/terminal.ts";
import { skipsInForce, SKIP_ANNOTATION, writeSkips } from "#events/hub/persons-word.ts";
import { ABANDON_ANNOTATION } from "#platform/cluster-api/harvester-machine.ts";
import { withFreshObject } from "#platform/kube/fresh-object.ts";
import { harvesterMachines } from "#platform/kube/resources.ts";

export interface SkipFlags extends ClusterFlags {
  readonly function: string;
  readonly reason: string;
}

/** Longest reason; annotations of one object share 256 KiB. */
const LONGEST_REASON = 500;

/**
 * Writes on the object that a function is to leave it alone until its spec changes: who said so, why and when. Refused for what a deletion
 * consists of: skipping that would leave something behind, or hold the object for ever.
 */
export async function skip(object: NamedObject, flags: SkipFlags, terminal: Terminal): Promise<void> {
  const target = targetOf(questionOf(object, flags.namespace));
  const fn = functionOf(target, flags.function);
  const reason = reasonOf(flags.reason);
  if (fn.deletes) {
    throw new Error(
      `${fn.name} is a part of every deletion, which a finalizer protects: skipped, it would leave behind what the object has outside, or hold it for ever. ${wayOut(target)}`,
    );
  }
  const by = await personOf(flags);
  const client = await managementClient(flags, terminal);
  let said = "";
  try {
    const found = await withFreshObject(client, target.type, target.ref, async ({ metadata }) => {
      if (metadata.deletionTimestamp !== undefined) {
        throw new Error(
          `${target.shown} is being deleted, and nothing of a deletion is skipped. ${wayOut(target)}`,
        );
      }
      const { resourceVersion, generation = 0, annotations = {} } = metadata;
      const skips = skipsInForce(annotations[SKIP_ANNOTATION], metadata);
      const known = skips[fn.name];
      said = `${fn.name} leaves ${target.shown} alone until its spec changes. To take that back: capfn replay ${target.shown} --function ${fn.name}`;
      if (known?.reason === reason && known.by === by) return;
      const at = new Date(terminal.clock.now()).toISOString();
      const text = writeSkips({ ...skips, [fn.name]: { by, reason, at, generation } });
      const patch = { metadata: { resourceVersion, annotations: { [SKIP_ANNOTATION]: text } } };
      await client.mergePatch(target.type, target.ref, patch, { fieldManager: "capfn-cli" });
    });
    if (!found) throw absent(target);
    terminal.print(said);
  } finally {
    client.close();
  }
}

function reasonOf(text: string): string {
  const reason = text.trim();
  if (reason === "")
    throw new Error(
      "--reason is blank; say why, for whoever finds the object later, e.g. --reason 'no room before May'",
    );
  if (reason.length > LONGEST_REASON)
    throw new Error(`--reason has ${reason.length} characters; say it in ${LONGEST_REASON}`);
  return reason;
}

function wayOut({ type, ref }: Target): string {
  if (type !== harvesterMachines) return "What a deletion waits for: docs/tasks/deleting.md";
  return `When Harvester will not come back, let the machine go without a look at it: kubectl -n ${ref.namespace} annotate harvestermachine ${ref.name} ${ABANDON_ANNOTATION}="<why>"`;
}
