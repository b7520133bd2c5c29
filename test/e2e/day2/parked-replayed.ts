import { NAMESPACE } from "#cli/demo/stage.ts";
import { installManifests } from "#platform/control-plane/install-manifests.ts";
import { harvesterMachines, secrets } from "#platform/kube/resources.ts";
import { clusterManifests, instanceOf, machineManifests, conditionsOf } from "#test/e2e/day2/machines.ts";
import type { Day2 } from "#test/e2e/day2/stage.ts";
import type { Scenario } from "#test/e2e/scenario.ts";
import { claim, until } from "#test/e2e/until.ts";

const MACHINE = "parked-1";

export const parkedReplayed: Scenario<Day2> = {
  name: "parked-replayed",
  summary:
    "a machine whose Secret's name is taken on Harvester is parked; mended and replayed, it gets its VM",
  play: async (stage) => {
    const { lab, host, capfn } = stage;
    const { management, harvester } = lab.client;
    const name = { namespace: NAMESPACE, name: `${MACHINE}-cloud-init` };
    const foreign = await harvester.create(secrets, {
      apiVersion: "v1",
      kind: "Secret",
      metadata: name,
      stringData: { note: "somebody else's" },
    });
    await installManifests(management, clusterManifests("parked"), host.clock);
    await installManifests(management, machineManifests(MACHINE, { cluster: "parked" }), host.clock);
    const listed = await until("the machine is parked", async () => {
      const lines = (await capfn.type("parked", "-n", NAMESPACE)).split("\n");
      return lines.find((line) => line.includes(`machine/${NAMESPACE}/${MACHINE}`));
    });
    claim("it is vm-create that waits for a person", listed.includes("vm-create"));
    claim("nothing of the stranger's was touched", (await stranger(stage)) === foreign.metadata.uid);

    await harvester.delete(secrets, name, { uid: foreign.metadata.uid });
    const said = await capfn.type("replay", `machine/${MACHINE}`, "-n", NAMESPACE);
    const instance = await until("the VM runs", () => instanceOf(stage, MACHINE));
    await until("nothing is parked", async () =>
      (await capfn.type("parked", "-n", NAMESPACE)).includes("nothing is parked"),
    );
    const { VMProvisioningReady: provisioning } = await conditionsOf(stage, harvesterMachines, MACHINE);
    claim("the condition no longer tells of the name", provisioning?.reason !== "VMNameTaken");
    return `${said.split("\n")[0] ?? ""}: instance ${instance} runs`;
  },
};

async function stranger({ lab }: Day2): Promise<string | undefined> {
  const found = await lab.client.harvester.get(secrets, {
    namespace: NAMESPACE,
    name: `${MACHINE}-cloud-init`,
  });
  return found?.metadata.uid;
}
