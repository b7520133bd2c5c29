import { randomBytes } from "node:crypto";
import { generateCrds } from "#cli/generate/crds.ts";
import { kubeObjectManifests } from "#cli/lab/manifests.ts";
import { clusterApiCrds } from "#platform/control-plane/cluster-api-core.ts";
import { type ControlPlane, startControlPlane } from "#platform/control-plane/control-plane.ts";
import { startEtcd } from "#platform/control-plane/etcd.ts";
import type { ControlPlaneHost } from "#platform/control-plane/host.ts";
import { installManifests } from "#platform/control-plane/install-manifests.ts";
import { BASIC_CONTROLLERS } from "#platform/control-plane/kube-controller-manager.ts";
import { harvesterCrds } from "#platform/control-plane/third-party-manifests.ts";
import type { NewObject } from "#platform/kube/resource.ts";
import { createKubeClient } from "#platform/kube/rest.ts";
import { systemClock } from "#platform/process/clock.ts";
import { processEnvironment } from "#platform/process/environment.ts";
import type { Stage, StageApi } from "#test/chaos/stage.ts";

/** API servers of one's own, for runs outside the test runner. Takes some seconds once the programs are at hand. */
export async function ownStage(progress: (line: string) => void): Promise<Stage & AsyncDisposable> {
  const host: ControlPlaneHost = { environment: processEnvironment(), clock: systemClock(), progress };
  await using undo = new AsyncDisposableStack();
  const etcd = undo.use(await startEtcd(host));
  const users = ["capfn", "simulator"].map((name) => ({
    name,
    groups: ["system:masters"],
    token: randomBytes(16).toString("hex"),
  }));
  const start = async (name: string, manifests: Promise<NewObject[]>): Promise<StageApi> => {
    const controllers = name === "workload" ? [] : BASIC_CONTROLLERS;
    const plane = undo.use(
      await startControlPlane(host, { name, etcd, users, controllers, auditLog: false }),
    );
    const client = createKubeClient(plane.clientConfig, { clock: host.clock });
    await installManifests(client, await manifests, host.clock);
    client.close();
    return stageApi(plane);
  };
  const management = async (): Promise<NewObject[]> => [
    ...(await clusterApiCrds(host)),
    ...kubeObjectManifests([...generateCrds().values()].join("---\n")),
  ];
  const [M, H, W] = await Promise.all([
    start("management", management()),
    start("harvester", harvesterCrds(host)),
    start("workload", Promise.resolve([])),
  ]);
  const running = undo.move();
  return { M, H, W, [Symbol.asyncDispose]: () => running.disposeAsync() };
}

export function stageApi(plane: ControlPlane): StageApi {
  return { config: (user) => plane.clientConfigFor(user), kubeconfig: plane.kubeconfigFor("capfn") };
}
