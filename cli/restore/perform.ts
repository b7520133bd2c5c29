import { anew } from "#cli/restore/anew.ts";
import type { Planned } from "#cli/restore/plan.ts";
import { nameOf, shown } from "#cli/restore/stored-object.ts";
import type { KubeClient } from "#platform/kube/client.ts";
import { isKubeError } from "#platform/kube/errors.ts";
import type { KubeObject } from "#platform/kube/resource.ts";

type Client = Pick<KubeClient, "get" | "create" | "mergePatch">;

/** How often progress is told, in objects. */
const TELL_EVERY = 50;

/**
 * Creates what is missing, owners first, everything paused. What is here already stays as it is, so an interrupted restore is simply repeated.
 * Status is written too: it holds what the Go provider keeps nowhere else, such as which address a machine has.
 */
export async function performRestore(
  client: Client,
  objects: readonly Planned[],
  say: (line: string) => void,
): Promise<number> {
  const uids = new Map<string, string>();
  let created = 0;
  for (const [index, planned] of objects.entries()) {
    const { object, existing } = planned;
    const here = existing ?? (await create(client, planned, uids));
    if (existing === undefined) created += 1;
    uids.set(object.metadata.uid, here.metadata.uid);
    if (hasNothing(here["status"])) await writeStatus(client, planned, here);
    if ((index + 1) % TELL_EVERY === 0) say(`${index + 1} of ${objects.length} objects`);
  }
  return created;
}

async function create(
  client: Client,
  planned: Planned,
  uids: ReadonlyMap<string, string>,
): Promise<KubeObject> {
  try {
    return await client.create(planned.type, anew(planned, uids));
  } catch (error) {
    if (isKubeError(error, "alreadyExists")) {
      const found = await client.get(planned.type, nameOf(planned));
      if (found !== undefined) return found;
    }
    if (!isKubeError(error, "invalid", "forbidden")) throw error;
    throw new Error(
      `${shown(planned)} was refused; what came before it is here, paused. Mend it in the backup, then run this again: ${error.message}`,
      { cause: error },
    );
  }
}

async function writeStatus(client: Client, { type, object }: Planned, here: KubeObject): Promise<void> {
  const status = object["status"];
  if (type.group === "" || hasNothing(status)) return;
  try {
    const { resourceVersion } = here.metadata;
    const patch = { metadata: { resourceVersion }, status };
    await client.mergePatch(type, nameOf({ type, object }), patch, { subresource: "status" });
  } catch (error) {
    // Of a kind without the subresource the status came with the object; somebody who was quicker knows it better.
    const isWithout =
      isKubeError(error, "notFound", "conflict") || (isKubeError(error) && error.detail === "notServed");
    if (!isWithout) throw error;
  }
}

function hasNothing(status: unknown): boolean {
  return (
    status === undefined ||
    status === null ||
    (typeof status === "object" && Object.keys(status).length === 0)
  );
}
