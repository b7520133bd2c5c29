import { stageApi } from "#test/chaos/own-stage.ts";
import type { Stage, StageApi } from "#test/chaos/stage.ts";
import {
  connectionTo,
  kubeconfigOf,
  privateControlPlane,
  sharedHarvester,
  sharedManagement,
  type SharedControlPlane,
} from "#test/support/control-planes.ts";

/** The API servers the api tests share; workload clusters are the management cluster itself. */
export function sharedStage(): Stage {
  const M = fromShared(sharedManagement());
  return { M, H: fromShared(sharedHarvester()), W: M };
}

/** The same with a workload API server of one's own. All use the shared etcd. */
export async function stageWithWorkload(): Promise<Stage & AsyncDisposable> {
  const workload = await privateControlPlane({ name: "chaos", auditLog: false });
  return { ...sharedStage(), W: stageApi(workload), [Symbol.asyncDispose]: () => workload.stop() };
}

function fromShared(plane: SharedControlPlane): StageApi {
  return { config: (user) => connectionTo(plane, user), kubeconfig: kubeconfigOf(plane, "capfn") };
}
