import { pausedAnnotation } from "#api/names.ts";
import { isCluster, PAUSED_BY_RESTORE } from "#cli/restore/anew.ts";
import type { Planned } from "#cli/restore/plan.ts";
import { nameOf, shown } from "#cli/restore/stored-object.ts";
import type { KubeClient } from "#platform/kube/client.ts";
import { withFreshObject } from "#platform/kube/fresh-object.ts";

/** Lets go what a restore has paused, and only that; Clusters last. Resolves with what it let go, for people. */
export async function unpause(
  client: Pick<KubeClient, "get" | "mergePatch">,
  objects: readonly Planned[],
): Promise<string[]> {
  const paused = objects.filter(
    ({ existing }) => existing?.metadata.annotations?.[PAUSED_BY_RESTORE] !== undefined,
  );
  const clusters = paused.filter(({ type }) => isCluster(type));
  const others = paused.filter(({ type }) => !isCluster(type));
  for (const planned of [...others, ...clusters]) {
    const { type } = planned;
    await withFreshObject(client, type, nameOf(planned), async ({ metadata }) => {
      if (metadata.annotations?.[PAUSED_BY_RESTORE] === undefined) return;
      const mark = { [PAUSED_BY_RESTORE]: null };
      const { resourceVersion } = metadata;
      const patch = isCluster(type)
        ? { metadata: { resourceVersion, annotations: mark }, spec: { paused: null } }
        : { metadata: { resourceVersion, annotations: { ...mark, [pausedAnnotation]: null } } };
      await client.mergePatch(type, nameOf(planned), patch, { fieldManager: "capfn-cli" });
    });
  }
  return [...others, ...clusters].map(shown);
}
