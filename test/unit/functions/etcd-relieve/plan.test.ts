import { describe, expect, it } from "vitest";
import { planRelief } from "#functions/cluster-api/etcd-relieve/plan.ts";
import { idOf, scene, status } from "#test/unit/functions/etcd-remove/members.ts";

const full = { dbSizeBytes: 1_000n, dbInUseBytes: 1_000n };
const holes = { dbSizeBytes: 1_000n, dbInUseBytes: 699n };

/** Three voters, the first of which leads; those named have holes. */
function members(withHoles: readonly number[], over: Parameters<typeof status>[1] = {}) {
  return scene({ voters: 3, target: 3 }).members.map((each, index) => ({
    ...each,
    status: status(index + 1, { ...(withHoles.includes(index + 1) ? holes : full), ...over }),
  }));
}

const nospace = [2, 3].map((n) => ({ memberId: idOf(n), type: "NOSPACE" }));

function kind(plan: ReturnType<typeof planRelief>): string {
  return plan.kind === "defragment" ? `defragment ${plan.member.member.name}` : plan.kind;
}

describe("making room in an etcd that is full", () => {
  it("goes member by member, the leader last, then takes the alarms off, and rests", () => {
    expect(kind(planRelief({ members: members([1, 2, 3]), alarms: nospace }))).toBe("defragment cp-2");
    expect(kind(planRelief({ members: members([1, 3]), alarms: nospace }))).toBe("defragment cp-3");
    expect(kind(planRelief({ members: members([1]), alarms: nospace }))).toBe("defragment cp-1");
    expect(planRelief({ members: members([]), alarms: nospace })).toMatchObject({
      kind: "disarm",
      alarm: { memberId: idOf(2) },
    });
    expect(planRelief({ members: members([]), alarms: [] })).toEqual({ kind: "relieved" });
  });

  it("leaves a member alone that is at least seven tenths full", () => {
    const dense = members([], { dbInUseBytes: 700n });
    expect(planRelief({ members: dense, alarms: [] })).toEqual({ kind: "relieved" });
  });

  it("asks nothing of a learner, which refuses all but its status", () => {
    const [first, ...rest] = members([1]);
    if (first === undefined) throw new Error("no member");
    const learner = { ...first, member: { ...first.member, isLearner: true } };
    const plan = planRelief({ members: [learner, ...rest], alarms: nospace });
    expect(plan).toMatchObject({ kind: "disarm", via: { member: { id: idOf(2) } } });
  });

  it("does nothing while a member is not well, nor to one that is corrupt", () => {
    const down = scene({ voters: 3, target: 3, down: [2] });
    expect(planRelief({ ...down, alarms: nospace })).toMatchObject({ reason: "MemberNotWell" });
    expect(planRelief({ members: members([1], { leader: undefined }), alarms: [] })).toMatchObject({
      reason: "MemberNotWell",
    });
    const corrupt = [...nospace, { memberId: idOf(1), type: "CORRUPT" }];
    expect(planRelief({ members: members([1, 2, 3]), alarms: corrupt })).toMatchObject({
      reason: "CorruptMember",
    });
  });
});
