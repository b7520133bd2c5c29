import { generateAdmission } from "#cli/generate/admission.ts";
import { generateCrds } from "#cli/generate/crds.ts";
import { kubeObjectManifests } from "#cli/lab/manifests.ts";
import { labUsers } from "#cli/lab/lab.ts";
import { startRunningOperator, type RunningOperator } from "#cli/operator/operator.ts";
import { memoryLedger } from "#events/sources/memory-ledger.ts";
import { startControlPlane, type ControlPlane } from "#platform/control-plane/control-plane.ts";
import type { ControlPlaneHost } from "#platform/control-plane/host.ts";
import { installManifests } from "#platform/control-plane/install-manifests.ts";
import { BASIC_CONTROLLERS } from "#platform/control-plane/kube-controller-manager.ts";
import type { KubeClient } from "#platform/kube/client.ts";
import { createKubeClient } from "#platform/kube/rest.ts";
import { createLog } from "#platform/observability/log.ts";
import { startProviders } from "#test/support/cluster-api-providers.ts";

/** A management cluster: Cluster API, its kubeadm providers and capfn. */
export interface Management {
  readonly plane: ControlPlane;
  /** As a person with all rights. */
  readonly client: KubeClient;
}

/** Runs capfn, as a user of its own, for a management cluster. */
export async function startCapfn(host: ControlPlaneHost, plane: ControlPlane): Promise<RunningOperator> {
  return startRunningOperator({
    management: plane.clientConfigFor(labUsers.capfn),
    clock: host.clock,
    random: Math.random,
    log: createLog("silent", host.clock),
    ledger: () => memoryLedger(),
    dispatch: true,
    requestsPerSecond: 200,
  });
}

/** Another management cluster, empty; it takes about 15 s. */
export async function startManagement(
  host: ControlPlaneHost,
  name: string,
): Promise<Management & AsyncDisposable> {
  await using started = new AsyncDisposableStack();
  const users = [labUsers.capfn, labUsers.core].map((user) => ({
    name: user,
    groups: ["system:masters"],
    token: `${user}-token`,
  }));
  const plane = started.use(await startControlPlane(host, { name, users, controllers: BASIC_CONTROLLERS }));
  const client = started.adopt(createKubeClient(plane.clientConfig, host), (opened) => opened.close());
  const own = [...generateCrds().values(), ...generateAdmission().values()];
  await installManifests(client, kubeObjectManifests(own.join("---\n")), host.clock);
  started.use(await startProviders(host, plane, client, labUsers.core));
  const capfn = await startCapfn(host, plane);
  started.defer(() => capfn.stop());
  const running = started.move();
  return { plane, client, [Symbol.asyncDispose]: () => running.disposeAsync() };
}
