import { kubeadmControlPlanes, machineDeployments, machines } from "#platform/kube/resources.ts";
import { untilAvailable } from "#test/e2e/contract/machines.ts";
import { NAMESPACE, workersOf } from "#test/e2e/contract/names.ts";
import { watchRollout } from "#test/e2e/contract/rollout-watch.ts";
import type { Contract } from "#test/e2e/contract/stage.ts";
import type { Scenario } from "#test/e2e/scenario.ts";
import { claim } from "#test/e2e/until.ts";

const ETCD_HOOK = "pre-terminate.delete.hook.machine.cluster.x-k8s.io/capfn-etcd";

/**
 * With external etcd no member goes with a machine: what can be lost are API servers, so one machine goes at a time, another one is always
 * ready, and capfn lays no hand on the deletion. Quorum of etcd members on machines is tested with real members elsewhere.
 */
export const scale: Scenario<Contract> = {
  name: "scale",
  summary: "the control plane goes from 1 to 3 and back one by one, workers from 2 to 1 to 3 [check 100]",
  play: async (stage) => {
    const { client } = stage.management;
    const { name } = await stage.app();
    using seen = await watchRollout(client, name);
    const to = async (controlPlanes: number, workers: number) => {
      await client.mergePatch(
        kubeadmControlPlanes,
        { namespace: NAMESPACE, name },
        { spec: { replicas: controlPlanes } },
      );
      const deployment = { namespace: NAMESPACE, name: workersOf(name) };
      await client.mergePatch(machineDeployments, deployment, { spec: { replicas: workers } });
      return untilAvailable(client, { name, controlPlanes, workers });
    };
    await to(1, 1);
    const three = await to(3, 3);
    for (const machine of three.filter(({ controlPlane }) => controlPlane)) {
      const found = await client.get(machines, { namespace: NAMESPACE, name: machine.name });
      claim("the etcd hook is KubeadmControlPlane's", found?.metadata.annotations?.[ETCD_HOOK] === undefined);
    }
    const one = await to(1, 2);
    claim("a control plane machine was ready all the time", seen.controlPlane.leastReady >= 1);
    claim("control plane machines went one by one", seen.controlPlane.mostGoing === 1);
    const survivors = one.filter((each) => three.some(({ uid }) => uid === each.uid));
    claim("those that stay are the same", survivors.length === one.length);
    return `control plane 1, 3, 1: at least ${seen.controlPlane.leastReady} ready, ${seen.controlPlane.mostGoing} going at a time; workers 2, 1, 3, 2`;
  },
};
