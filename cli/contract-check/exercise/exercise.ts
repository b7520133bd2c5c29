import type { Definition } from "#cli/contract-check/definitions.ts";
import { makeCast } from "#cli/contract-check/exercise/cast.ts";
import type { ExerciseManifests } from "#cli/contract-check/exercise/manifests.ts";
import { reactionVerdicts } from "#cli/contract-check/exercise/reactions.ts";
import { openStage } from "#cli/contract-check/exercise/stage.ts";
import { templateApplyVerdicts } from "#cli/contract-check/exercise/templates.ts";
import type { Verdict } from "#cli/contract-check/verdict.ts";
import type { KubeClient } from "#platform/kube/client.ts";
import type { Clock } from "#platform/process/clock.ts";

interface ExerciseOptions {
  readonly clock: Clock;
  readonly random: () => number;
  /** Longest wait for the provider's reaction. */
  readonly waitMs: number;
}

/**
 * Makes objects in a namespace of its own, looks at what the provider does about them, and takes all of it away, also after an error.
 *
 * @throws Error when a definition of the manifests' kinds is missing, KubeError when the API server refuses an object
 */
export async function exerciseVerdicts(
  client: KubeClient,
  definitions: readonly Definition[],
  manifests: ExerciseManifests,
  { clock, random, waitMs }: ExerciseOptions,
): Promise<readonly Verdict[]> {
  const ofKind = (kind: string): Definition => {
    const found = definitions.find((each) => each.kind === kind);
    if (found === undefined)
      throw new Error(`there is no definition of ${kind}; correct --provider or --from`);
    return found;
  };
  const kinds = { cluster: ofKind(manifests.cluster.kind), machine: ofKind(manifests.machine.kind) };
  const template = definitions.find(({ kind }) => kind === `${manifests.machine.kind}Template`);
  await using stage = await openStage(client, random);
  const templated =
    template === undefined ? [] : await templateApplyVerdicts(stage, template, manifests.machine.spec);
  const cast = await makeCast(stage, kinds, manifests);
  return [...(await reactionVerdicts(client, cast, { clock, waitMs })), ...templated];
}
