import { labUsers } from "#cli/lab/lab.ts";
import { countRequests } from "#platform/control-plane/audit-log.ts";
import { nodes } from "#platform/kube/resources.ts";
import * as z from "zod";
import { machinesOf } from "#test/e2e/contract/machines.ts";
import type { Contract } from "#test/e2e/contract/stage.ts";
import type { Scenario } from "#test/e2e/scenario.ts";
import { claim } from "#test/e2e/until.ts";

const nodeSchema = z.looseObject({
  spec: z.looseObject({
    providerID: z.string().default(""),
    taints: z.array(z.looseObject({ key: z.string() })).default([]),
  }),
});

export const quickStart: Scenario<Contract> = {
  name: "quick-start",
  summary: "a KubeadmControlPlane of one and a MachineDeployment of two become an available Cluster",
  play: async (stage) => {
    const { name, workload, kubelets } = await stage.app();
    const found = await machinesOf(stage.management.client, name);
    const orders = found.map((machine) => ({ machine, order: kubelets.booted.get(machine.name) }));
    for (const { machine, order } of orders) {
      claim(`${machine.name} booted by cloud-config of the kubeadm bootstrap provider`, order !== undefined);
      claim(
        `${machine.name} was told its role`,
        order?.controlPlane === machine.controlPlane &&
          order.does === (machine.controlPlane ? "init" : "join"),
      );
      const node = nodeSchema.parse(await workload.get(nodes, { name: machine.node ?? "" }));
      claim(`the Node of ${machine.name} has its providerID`, node.spec.providerID === machine.providerID);
      claim(
        `the Node of ${machine.name} may be used`,
        !node.spec.taints.some(({ key }) => key.endsWith("/uninitialized")),
      );
    }
    const asked = await countRequests(stage.lab.harvester.auditLogPath, {
      user: labUsers.capfn,
      excludeWatches: true,
    });
    return `Available; ${orders.map(({ order }) => order?.does).join(", ")} read from the VMs' Secrets; ${asked} requests to Harvester`;
  },
};
