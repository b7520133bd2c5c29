import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { planRemoval, quorumOf, type RemovalPlan } from "#functions/cluster-api/etcd-remove/plan.ts";
import { idOf, machineOf, member, status } from "#test/unit/functions/etcd-remove/members.ts";

/** etcd as far as removals go. Only what Raft allows happens: without a quorum there is no leader, and nothing changes. */
interface World {
  readonly voters: Set<number>;
  readonly learners: Set<number>;
  readonly up: Set<number>;
  readonly machines: Set<number>;
  leader: number | undefined;
  next: number;
}

type Action =
  | { readonly kind: "fail" | "recover" | "delete" | "lead"; readonly n: number }
  | { readonly kind: "join" | "promote" };

const actions: fc.Arbitrary<Action> = fc.oneof(
  fc.record({
    kind: fc.constantFrom("fail", "recover", "delete", "lead"),
    n: fc.nat({ max: 9 }),
  }),
  fc.record({ kind: fc.constantFrom("join", "promote") }),
);

function wellVoters({ voters, up }: World): number[] {
  return [...voters].filter((n) => up.has(n));
}

function hasQuorum(world: World): boolean {
  return wellVoters(world).length >= quorumOf(world.voters.size);
}

function elect(world: World): void {
  if (!hasQuorum(world)) world.leader = undefined;
  else if (world.leader === undefined || !wellVoters(world).includes(world.leader)) {
    world.leader = wellVoters(world)[0];
  }
}

function plan(world: World, target: number): RemovalPlan {
  const told = world.leader === undefined ? undefined : idOf(world.leader);
  return planRemoval({
    target: machineOf(target),
    staying: [...world.machines].filter((n) => n !== target).map(machineOf),
    going: [],
    removal: "ours",
    alarms: [],
    members: [...world.voters, ...world.learners].map((n) => ({
      member: member(n, { isLearner: world.learners.has(n) }),
      status: world.up.has(n) ? status(n, { leader: told }) : undefined,
    })),
  });
}

function numberOf(world: World, id: string): number {
  return [...world.voters, ...world.learners].find((n) => idOf(n) === id) ?? 0;
}

describe("removals in any order of failures, joins and deletions", () => {
  it("never leave fewer voters up than a quorum of those that are left", () => {
    let removals = 0;
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 7 }), fc.array(actions, { maxLength: 40 }), (size, sequence) => {
        const numbers = Array.from({ length: size }, (_, index) => index + 1);
        const world: World = {
          voters: new Set(numbers),
          learners: new Set(),
          up: new Set(numbers),
          machines: new Set(numbers),
          leader: 1,
          next: size + 1,
        };
        for (const action of sequence) {
          if (!("n" in action) && action.kind === "join") {
            if (!hasQuorum(world)) continue;
            world.learners.add(world.next);
            world.up.add(world.next);
            world.machines.add(world.next);
            world.next += 1;
          } else if (!("n" in action)) {
            const [learner] = world.learners;
            if (learner === undefined || !hasQuorum(world) || !world.up.has(learner)) continue;
            world.learners.delete(learner);
            world.voters.add(learner);
          } else {
            const all = [...world.voters, ...world.learners];
            const n = all[action.n % all.length] ?? 1;
            if (action.kind === "fail") world.up.delete(n);
            else if (action.kind === "recover") world.up.add(n);
            else if (action.kind === "lead" && wellVoters(world).includes(n)) world.leader = n;
            else if (action.kind === "delete") {
              elect(world);
              const next = plan(world, n);
              if (next.kind === "moveLeader") world.leader = numberOf(world, next.to.id);
              const then = next.kind === "moveLeader" ? plan(world, n) : next;
              if (then.kind === "remove") {
                expect(numberOf(world, then.member.id)).toBe(n);
                expect(hasQuorum(world)).toBe(true);
                world.voters.delete(n);
                world.learners.delete(n);
                world.machines.delete(n);
                removals += 1;
                expect(world.voters.size).toBeGreaterThan(0);
                expect(wellVoters(world).length).toBeGreaterThanOrEqual(quorumOf(world.voters.size));
              }
            }
          }
          elect(world);
        }
      }),
      { numRuns: 2_000 },
    );
    expect(removals).toBeGreaterThan(500);
  });
});
