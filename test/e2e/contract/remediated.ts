import { kubeObjectManifests } from "#cli/lab/manifests.ts";
import { installManifests, resourceTypeOf } from "#platform/control-plane/install-manifests.ts";
import { virtualMachines } from "#platform/kube/resources.ts";
import { machinesOf, untilAvailable } from "#test/e2e/contract/machines.ts";
import { NAMESPACE, workersOf } from "#test/e2e/contract/names.ts";
import type { Contract } from "#test/e2e/contract/stage.ts";
import type { Scenario } from "#test/e2e/scenario.ts";
import { claim, until } from "#test/e2e/until.ts";

export const remediated: Scenario<Contract> = {
  name: "worker-remediated",
  summary: "a MachineHealthCheck has a worker whose kubelet fell silent replaced, VM and all",
  play: async (stage) => {
    const { client } = stage.management;
    const { name, kubelets } = await stage.app();
    const before = await machinesOf(client, name);
    const ill = before.find(({ controlPlane }) => !controlPlane);
    if (ill?.node === undefined) throw new Error("there is no worker");
    const [check] = kubeObjectManifests(`
apiVersion: cluster.x-k8s.io/v1beta2
kind: MachineHealthCheck
metadata: { name: ${name}, namespace: ${NAMESPACE} }
spec:
  clusterName: ${name}
  selector: { matchLabels: { cluster.x-k8s.io/deployment-name: ${workersOf(name)} } }
  checks: { unhealthyNodeConditions: [{ type: Ready, status: Unknown, timeoutSeconds: 1 }] }
`);
    if (check === undefined) throw new Error("there is no health check");
    await installManifests(client, [check], stage.host.clock);
    await kubelets.silence(ill.node);
    const isGone = async () => !(await machinesOf(client, name)).some(({ uid }) => uid === ill.uid);
    await until("the Machine is gone", isGone, 240_000);
    const controlPlanes = before.filter(({ controlPlane }) => controlPlane).length;
    const after = await untilAvailable(client, {
      name,
      controlPlanes,
      workers: before.length - controlPlanes,
    });
    const place = { namespace: NAMESPACE, name: ill.name };
    claim("its VM is gone", (await stage.lab.client.harvester.get(virtualMachines, place)) === undefined);
    const kept = after.filter(({ uid }) => before.some((machine) => machine.uid === uid));
    claim("only it was replaced", kept.length === before.length - 1);
    const type = resourceTypeOf(check);
    const found = await client.get(type, check.metadata);
    if (found !== undefined) await client.delete(type, check.metadata, { uid: found.metadata.uid });
    return `${ill.name} replaced, the ${kept.length} others stay`;
  },
};
