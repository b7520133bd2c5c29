import { afterAll, beforeAll, expect, test } from "vitest";
import type { ControlPlane } from "#platform/control-plane/control-plane.ts";
import type { KubeClient } from "#platform/kube/client.ts";
import type { KubeObject } from "#platform/kube/resource.ts";
import { nodes, secrets, virtualMachines } from "#platform/kube/resources.ts";
import { createKubeClient } from "#platform/kube/rest.ts";
import { systemClock } from "#platform/process/clock.ts";
import {
  startWorkloadSimulator,
  type WorkloadSimulator,
  type WorkloadSimulatorOptions,
} from "#platform/simulator/workload-simulator.ts";
import { FAST_TIMES } from "#platform/simulator/times.ts";
import { privateControlPlane } from "#test/support/control-planes.ts";
import {
  cloudInit,
  newVm,
  type SimulatedHarvester,
  simulatedHarvester,
  until,
} from "#test/support/simulated-harvester.ts";

let plane: ControlPlane;
let workload: KubeClient;
beforeAll(async () => {
  plane = await privateControlPlane();
  workload = createKubeClient(plane.clientConfigFor("simulator"), { clock: systemClock() });
});
afterAll(async () => {
  workload.close();
  await plane.stop();
});

/** Whether the text occurs anywhere in the object. */
function mentions(object: KubeObject | undefined, text: string): boolean {
  return object !== undefined && JSON.stringify(object).includes(text);
}

function kubelets(
  harvester: SimulatedHarvester,
  options: Partial<WorkloadSimulatorOptions> = {},
): WorkloadSimulator {
  const { simulator } = harvester;
  return startWorkloadSimulator({ client: workload, clock: systemClock(), harvester: simulator, ...options });
}

test("a guest registers a Node under its hostname, ready, with its address and the cloud provider's taint", async () => {
  await using harvester = await simulatedHarvester();
  await using _ = kubelets(harvester);
  const { client, namespace } = harvester;
  const vm = `${namespace}-vm`;
  await client.create(secrets, cloudInit(namespace, vm, "10.50.0.12"));
  await client.create(virtualMachines, newVm(namespace, vm));
  const node = await until(workload, nodes, { name: vm }, (object) => mentions(object, "10.50.0.12"));
  expect(node).toMatchObject({
    metadata: { labels: { "kubernetes.io/hostname": vm } },
    spec: {
      taints: expect.arrayContaining([
        { key: "node.cloudprovider.kubernetes.io/uninitialized", value: "true", effect: "NoSchedule" },
      ]),
    },
    status: {
      addresses: [
        { type: "InternalIP", address: "10.50.0.12" },
        { type: "Hostname", address: vm },
      ],
      conditions: [{ type: "Ready", status: "True" }],
    },
  });
  expect(JSON.stringify(node)).not.toContain("providerID");
});

test("a kubelet may come early, under its FQDN, with a provider ID of its own and without the taint", async () => {
  await using harvester = await simulatedHarvester({ times: { ...FAST_TIMES, addressAfterMs: 500 } });
  await using _ = kubelets(harvester, {
    early: true,
    uninitializedTaint: false,
    nameOf: ({ hostname }) => `${hostname}.example.org`,
    providerIdOf: ({ hostname }) => `rke2://${hostname}`,
  });
  const { client, namespace } = harvester;
  const vm = `${namespace}-vm`;
  await client.create(virtualMachines, newVm(namespace, vm));
  const name = { name: `${vm}.example.org` };
  const early = await until(workload, nodes, name, (object) => mentions(object, '"Hostname"'));
  expect(early).toMatchObject({
    spec: { providerID: `rke2://${vm}` },
    status: { addresses: [{ type: "Hostname", address: vm }] },
  });
  expect(JSON.stringify(early)).not.toContain("uninitialized");
  await until(workload, nodes, name, (object) => mentions(object, "InternalIP"));
});

test("a Node says that it is not ready when told, and stays away once it is removed", async () => {
  await using harvester = await simulatedHarvester();
  await using simulated = kubelets(harvester, { heartbeatMs: 20 });
  const { client, namespace } = harvester;
  const vm = `${namespace}-vm`;
  await client.create(virtualMachines, newVm(namespace, vm));
  await until(workload, nodes, { name: vm }, (object) => mentions(object, "KubeletReady"));
  await simulated.setReady(vm, "unknown");
  await until(workload, nodes, { name: vm }, (object) => mentions(object, "NodeStatusUnknown"));
  await simulated.removeNode(vm);
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect(await workload.get(nodes, { name: vm })).toBeUndefined();
});

test("only members of the cluster join, and a Node outlives its guest", async () => {
  await using harvester = await simulatedHarvester();
  const { client, namespace, simulator } = harvester;
  await using _ = kubelets(harvester, { member: ({ name }) => name.endsWith("-mine") });
  for (const name of ["mine", "other"]) {
    await client.create(virtualMachines, newVm(namespace, `${namespace}-${name}`));
  }
  await until(workload, nodes, { name: `${namespace}-mine` }, (object) => object !== undefined);
  await simulator.destroyVm({ namespace, name: `${namespace}-mine` });
  await until(client, virtualMachines, { namespace, name: `${namespace}-mine` }, (vm) => vm === undefined);
  expect(await workload.get(nodes, { name: `${namespace}-mine` })).toBeDefined();
  expect(await workload.get(nodes, { name: `${namespace}-other` })).toBeUndefined();
});
