import * as z from "zod";
import { persistentVolumeClaims, virtualMachineInstances } from "#platform/kube/resources.ts";
import { machinesOf } from "#test/e2e/contract/machines.ts";
import { NAMESPACE } from "#test/e2e/contract/names.ts";
import { machineSpec } from "#test/e2e/contract/objects.ts";
import type { Contract } from "#test/e2e/contract/stage.ts";
import type { Scenario } from "#test/e2e/scenario.ts";
import { claim } from "#test/e2e/until.ts";

const instanceSchema = z.looseObject({
  spec: z.looseObject({
    domain: z.looseObject({
      devices: z.looseObject({
        disks: z.array(z.looseObject({ name: z.string(), bootOrder: z.number().optional() })),
      }),
    }),
    volumes: z.array(
      z.looseObject({
        name: z.string(),
        persistentVolumeClaim: z.looseObject({ claimName: z.string() }).optional(),
      }),
    ),
  }),
});

const claimSchema = z.looseObject({
  spec: z.looseObject({ resources: z.looseObject({ requests: z.looseObject({ storage: z.string() }) }) }),
});

export const twoDisks: Scenario<Contract> = {
  name: "two-disks",
  summary: "each running machine of a template with two volumes has both disks, in their order [check 103]",
  play: async (stage) => {
    const { harvester } = stage.lab.client;
    const { name } = await stage.app();
    const machines = await machinesOf(stage.management.client, name);
    const wanted = machineSpec.volumes.map(
      ({ volumeSize, bootOrder }) => `${volumeSize} boots as ${bootOrder}`,
    );
    for (const machine of machines) {
      const place = { namespace: NAMESPACE, name: machine.name };
      const { spec } = instanceSchema.parse(await harvester.get(virtualMachineInstances, place));
      const found: string[] = [];
      for (const disk of spec.domain.devices.disks) {
        const volume = spec.volumes.find((each) => each.name === disk.name)?.persistentVolumeClaim;
        if (volume === undefined) continue;
        const claimed = await harvester.get(persistentVolumeClaims, {
          namespace: NAMESPACE,
          name: volume.claimName,
        });
        const { storage } = claimSchema.parse(claimed).spec.resources.requests;
        found.push(`${storage} boots as ${disk.bootOrder}`);
      }
      claim(
        `${machine.name} has ${wanted.join(", ")}: ${found.join(", ")}`,
        String(found) === String(wanted),
      );
    }
    return `${machines.length} machines with ${wanted.join(", then ")}`;
  },
};
