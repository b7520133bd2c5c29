import { kubeadmControlPlanes, machineDeployments } from "#platform/kube/resources.ts";
import { machinesOf, untilAvailable } from "#test/e2e/contract/machines.ts";
import { NAMESPACE, NEWER_VERSION, workersOf } from "#test/e2e/contract/names.ts";
import { watchRollout } from "#test/e2e/contract/rollout-watch.ts";
import type { Contract } from "#test/e2e/contract/stage.ts";
import type { Scenario } from "#test/e2e/scenario.ts";
import { claim } from "#test/e2e/until.ts";

export const upgrade: Scenario<Contract> = {
  name: "upgrade",
  summary: "a newer version of Kubernetes replaces control plane and workers, machine by machine [check 101]",
  play: async (stage) => {
    const { client } = stage.management;
    const { name } = await stage.app();
    const before = await machinesOf(client, name);
    const controlPlanes = before.filter(({ controlPlane }) => controlPlane).length;
    const workers = before.length - controlPlanes;
    using seen = await watchRollout(client, name);
    const version = NEWER_VERSION;
    await client.mergePatch(kubeadmControlPlanes, { namespace: NAMESPACE, name }, { spec: { version } });
    const deployment = { namespace: NAMESPACE, name: workersOf(name) };
    await client.mergePatch(machineDeployments, deployment, { spec: { template: { spec: { version } } } });
    const after = await untilAvailable(client, { name, controlPlanes, workers, version });
    claim(
      "every machine is another one",
      !after.some(({ uid }) => before.some((machine) => machine.uid === uid)),
    );
    for (const [role, { leastReady, mostGoing, most }, count] of [
      ["control plane", seen.controlPlane, controlPlanes],
      ["workers", seen.workers, workers],
    ] as const) {
      claim(`${role}: never fewer than ${count} ready, but there were ${leastReady}`, leastReady === count);
      claim(`${role}: one goes at a time, but ${mostGoing} went`, mostGoing === 1);
      claim(`${role}: never more than one besides, but there were ${most}`, most === count + 1);
    }
    return `${controlPlanes} and ${workers} machines of ${version}; at no time fewer ready, one going at a time`;
  },
};
