import { describe, expect, it } from "vitest";
import { planRemoval } from "#functions/cluster-api/etcd-remove/plan.ts";
import {
  idOf,
  machineOf,
  member,
  scene,
  status,
  type Scene,
} from "#test/unit/functions/etcd-remove/members.ts";

/** In short what the plan is. */
function decide(given: Scene): string {
  const plan = planRemoval(scene(given));
  switch (plan.kind) {
    case "remove":
      return `remove ${plan.member.name} via ${plan.via.name}`;
    case "moveLeader":
      return `move leader from ${plan.from.name} to ${plan.to.name}`;
    case "refuse":
      return plan.reason;
    case "leftBehind":
      return `left behind ${plan.member.name}`;
    default:
      return plan.kind;
  }
}

describe("what is to be done about a machine's etcd member", () => {
  const table: readonly [string, Scene, string][] = [
    ["a follower of three voters is removed", { voters: 3, target: 3 }, "remove cp-3 via cp-1"],
    [
      "a voter that is down is removed from three",
      { voters: 3, target: 3, down: [3] },
      "remove cp-3 via cp-1",
    ],
    ["leadership is moved first", { voters: 3, target: 1 }, "move leader from cp-1 to cp-2"],
    [
      "a leader that does not answer loses leadership by its removal",
      { voters: 3, target: 1, down: [1] },
      "remove cp-1 via cp-2",
    ],
    [
      "of three voters none is removed while another is down",
      { voters: 3, target: 3, down: [2] },
      "QuorumAtRisk",
    ],
    [
      "of three voters with two down nothing is removed, not even one that is down",
      { voters: 3, target: 3, down: [2, 3] },
      "QuorumAtRisk",
    ],
    ["one of two voters is removed when the other is well", { voters: 2, target: 2 }, "remove cp-2 via cp-1"],
    ["one of two voters stays when the other is down", { voters: 2, target: 2, down: [1] }, "QuorumAtRisk"],
    [
      "one of five voters is removed with another down",
      { voters: 5, target: 5, down: [4] },
      "remove cp-5 via cp-1",
    ],
    [
      "one of five that is down is removed with another down",
      { voters: 5, target: 5, down: [4, 5] },
      "remove cp-5 via cp-1",
    ],
    [
      "one of five voters stays when two others are down",
      { voters: 5, target: 5, down: [3, 4] },
      "QuorumAtRisk",
    ],
    ["while a learner joins nothing is removed", { voters: 3, target: 3, learners: [4] }, "MemberJoining"],
    ["a learner is removed itself", { voters: 3, target: 4, learners: [4] }, "remove cp-4 via cp-1"],
    [
      "the only voter stays while other machines stay",
      { voters: 1, target: 1, over: { staying: [machineOf(2)] } },
      "LastVoter",
    ],
    ["the only voter of the last machine is skipped", { voters: 1, target: 1 }, "last"],
    ["a machine without a member has nothing to remove", { voters: 3, target: 9 }, "absent"],
    [
      "with another who removes members, it is only told that one was left",
      { voters: 3, target: 3, down: [2], over: { removal: "theirs" } },
      "left behind cp-3",
    ],
    [
      "an alarm of a member that stays is mended first",
      { voters: 3, target: 3, over: { alarms: [{ memberId: idOf(2), type: "NOSPACE" }] } },
      "AlarmRaised",
    ],
    [
      "an alarm of the member that goes is no reason to keep it",
      { voters: 3, target: 3, over: { alarms: [{ memberId: idOf(3), type: "CORRUPT" }] } },
      "remove cp-3 via cp-1",
    ],
    [
      "a member that is well is given up only when every machine that stays has joined",
      { voters: 3, target: 3, over: { staying: [machineOf(1), machineOf(2), machineOf(4)] } },
      "ReplacementJoining",
    ],
    [
      "a member that is down does not wait for its replacement, which may not be able to join before",
      { voters: 3, target: 3, down: [3], over: { staying: [machineOf(1), machineOf(2), machineOf(4)] } },
      "remove cp-3 via cp-1",
    ],
  ];
  it.each(table)("%s", (_, given, expected) => {
    expect(decide(given)).toBe(expected);
  });

  const follower = (n: number, over: Parameters<typeof status>[1]) => {
    const view = scene({ voters: 3, target: 3 });
    return planRemoval({
      ...view,
      members: view.members.map((each) =>
        each.member.id === idOf(n) ? { ...each, status: status(n, over) } : each,
      ),
    });
  };

  it("does not count on a follower that is thousands of log entries behind, and says so", () => {
    const view = scene({ voters: 3, target: 3 });
    const behind = (entries: bigint) =>
      planRemoval({
        ...view,
        members: view.members.map((each) =>
          each.member.id === idOf(1)
            ? { ...each, status: status(1, { raftIndex: 1_000n + entries, appliedIndex: 1_000n + entries }) }
            : each,
        ),
      });
    expect(behind(5_000n).kind).toBe("remove");
    expect(behind(5_001n)).toEqual({
      kind: "refuse",
      reason: "QuorumAtRisk",
      message:
        "2 of the 2 voters that would be left must be well, 1 is: member cp-2 is more than 5000 log entries behind",
    });
  });

  it("does not count on a voter with errors, without a leader, or whose address another answers", () => {
    for (const over of [{ errors: ["NOSPACE"] }, { leader: undefined }, { memberId: idOf(7) }]) {
      expect(follower(2, over)).toMatchObject({ kind: "refuse", reason: "QuorumAtRisk" });
    }
  });

  it("waits while two members name different leaders", () => {
    expect(follower(2, { leader: idOf(2) })).toMatchObject({ kind: "refuse", reason: "LeaderUnclear" });
  });

  it("names in a refusal what is missing", () => {
    expect(planRemoval(scene({ voters: 3, target: 3, down: [2] }))).toMatchObject({
      message: "2 of the 2 voters that would be left must be well, 1 is: member cp-2 does not answer",
    });
  });

  it("hands leadership to the voter that is furthest", () => {
    const view = scene({ voters: 3, target: 1 });
    const members = view.members.map((each) =>
      each.member.id === idOf(3) ? { ...each, status: status(3, { appliedIndex: 1_001n }) } : each,
    );
    expect(planRemoval({ ...view, members })).toMatchObject({ kind: "moveLeader", to: { id: idOf(3) } });
  });

  it("keeps ids apart that are one as JavaScript numbers", () => {
    expect(Number(idOf(1))).toBe(Number(idOf(3)));
    const plan = planRemoval(scene({ voters: 3, target: 3 }));
    expect(plan).toMatchObject({ kind: "remove", member: { id: "14000000000000000003" } });
    expect(member(3).id).not.toBe(member(1).id);
  });
});
