import { startControlPlane } from "#test/e2e/day2/control-plane.ts";
import type { Day2 } from "#test/e2e/day2/stage.ts";
import type { Scenario } from "#test/e2e/scenario.ts";
import { claim, until } from "#test/e2e/until.ts";

export const etcdRefused: Scenario<Day2> = {
  name: "etcd-refused",
  summary:
    "while another etcd member does not answer, none is removed and its machine waits; when it answers again, it goes on",
  play: async (stage) => {
    await using play = await startControlPlane(stage, "refused");
    const { etcd } = play;
    const leader = await etcd.leader();
    const [frozen, witness] = etcd.members.filter((each) => each !== leader);
    if (frozen === undefined || witness === undefined) throw new Error("there are not three members");
    const count = async () => (await witness.client.members()).members.length;

    frozen.process.signal("STOP");
    await play.remove(leader.name);
    const { message } = await until("the Machine says why it waits", async () => {
      const now = await play.removal(leader.name);
      return now?.reason === "QuorumAtRisk" ? now : undefined;
    });
    claim("all three are members", (await count()) === 3);
    claim("the machine is there, with its hook", await play.hooked(leader.name));
    claim("so is its infrastructure", await play.infrastructureExists(leader.name));

    frozen.process.signal("CONT");
    await until("the Machine is gone", async () => !(await play.exists(leader.name)));
    claim("one member was removed", (await count()) === 2);
    return `QuorumAtRisk: ${message}; answered again, removed`;
  },
};
