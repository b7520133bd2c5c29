import { controlPlane } from "#test/chaos/control-plane.ts";
import type { Scenario } from "#test/chaos/scenario.ts";

/** The machine with the leader of etcd goes: leadership moves, then the member goes. */
const leaderGoes: Scenario = {
  name: "etcd-remove-leader",
  pools: [],
  cluster: "dhcp",
  play: async (actor) => {
    const { askToDelete, deleteFurther } = await controlPlane(actor);
    await askToDelete("cp1");
    await deleteFurther("cp1");
  },
};

/** Two of three go at once: one after the other. */
const twoGo: Scenario = {
  name: "etcd-remove-two",
  pools: [],
  cluster: "dhcp",
  play: async (actor) => {
    const { askToDelete, deleteFurther } = await controlPlane(actor);
    await Promise.all(["cp2", "cp3"].map(askToDelete));
    await Promise.all(["cp2", "cp3"].map(deleteFurther));
  },
};

/** The machine of one member is dead. Another is asked to go first, which would cost the quorum: the dead one has to go before it. */
const deadOneGoes: Scenario = {
  name: "etcd-remove-dead",
  pools: [],
  cluster: "dhcp",
  play: async (actor) => {
    const { askToDelete, deleteFurther, voters } = await controlPlane(actor);
    await voters.kill("cp3");
    await askToDelete("cp2");
    await askToDelete("cp3");
    await Promise.all(["cp2", "cp3"].map(deleteFurther));
  },
};

/** Members of etcd whose machines go. */
export const etcdScenarios: readonly Scenario[] = [leaderGoes, twoGo, deadOneGoes];
