import { startControlPlane } from "#test/e2e/day2/control-plane.ts";
import type { Day2 } from "#test/e2e/day2/stage.ts";
import type { Scenario } from "#test/e2e/scenario.ts";
import { claim, until } from "#test/e2e/until.ts";

export const etcdRemoved: Scenario<Day2> = {
  name: "etcd-removed",
  summary:
    "the etcd member of a deleted control plane machine is removed before its machine goes, one after the other, down to the last",
  play: async (stage) => {
    await using play = await startControlPlane(stage, "removed");
    const { etcd } = play;
    const leader = await etcd.leader();
    const [second, last] = etcd.members.filter((each) => each !== leader);
    if (second === undefined || last === undefined) throw new Error("there are not three members");
    const listed = async () => (await last.client.members()).members.map(({ name }) => name);

    // Two at once: one goes after the other, and neither takes the quorum along.
    await Promise.all([play.remove(leader.name), play.remove(second.name)]);
    for (const { name } of [leader, second])
      await until(`Machine ${name} is gone`, async () => {
        const members = await listed();
        const isGivenUp = !(await play.infrastructureExists(name));
        claim(
          "no infrastructure is given up while its member is listed",
          !isGivenUp || !members.includes(name),
        );
        return !(await play.exists(name));
      });
    claim("the last member is left, and answers", String(await listed()) === last.name);
    for (const { name } of [leader, second])
      await until(`an Event tells of the member of ${name}`, async () =>
        (await play.told(name)).includes("EtcdMemberRemoved"),
      );

    await play.remove(last.name);
    await until(`Machine ${last.name} is gone`, async () => !(await play.exists(last.name)));
    await until("an Event tells of the last member", async () =>
      (await play.told(last.name)).includes("LastEtcdMember"),
    );
    claim("the last member stays a member", (await listed()).length === 1);
    return `${(await play.told(leader.name)).join(", ")}; then the other; last: LastEtcdMember`;
  },
};
