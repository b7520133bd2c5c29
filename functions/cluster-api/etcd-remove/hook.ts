import type { Deps } from "#functions/contract/deps.ts";
import { done, type Outcome } from "#functions/contract/outcome.ts";
import { ETCD_HOOK_ANNOTATION, type Machine } from "#platform/cluster-api/cluster.ts";
import { isKubeError } from "#platform/kube/errors.ts";
import { machines } from "#platform/kube/resources.ts";
import type { Seen } from "#platform/kube/view.ts";

/** Puts the hook on a Machine, so that Cluster API waits with its VM until the member is gone. */
export async function guardMachine({ meta }: Seen<Machine>, deps: Deps): Promise<Outcome> {
  await deps.management.mergePatch(machines, meta, {
    metadata: { resourceVersion: meta.resourceVersion, annotations: { [ETCD_HOOK_ANNOTATION]: "capfn" } },
  });
  return done();
}

/** Takes the hook off; Cluster API then goes on with the deletion. A Machine or hook that is gone is success. */
export async function withdrawHook({ meta }: Seen<Machine>, deps: Deps): Promise<void> {
  const path = `/metadata/annotations/${ETCD_HOOK_ANNOTATION.replaceAll("/", "~1")}`;
  try {
    await deps.management.jsonPatch(machines, meta, [
      { op: "test", path: "/metadata/uid", value: meta.uid },
      { op: "remove", path },
    ]);
  } catch (error) {
    if (!isKubeError(error, "invalid", "notFound")) throw error;
  }
}
