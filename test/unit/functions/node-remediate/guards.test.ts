import * as fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import { leastOf, refusalOf } from "#functions/cluster-api/node-remediate/guards.ts";
import type { Peer, Situation } from "#functions/cluster-api/node-remediate/situation.ts";

const now = Date.parse("2026-01-01T12:00:00Z");

function peer(name: string, over: Partial<Peer> = {}): Peer {
  return {
    name,
    isControlPlane: false,
    hasJoined: true,
    isHealthy: true,
    isDeleting: false,
    isRemediated: false,
    ...over,
  };
}

const ill = peer("ill", { isHealthy: false });
const workers = (count: number, over: Partial<Peer> = {}) =>
  Array.from({ length: count }, (_, index) => peer(`w-${index}`, over));

/** One ill worker among five well ones: nothing forbids to remediate it. */
function situation(over: Partial<Situation> = {}): Situation {
  return {
    paused: undefined,
    maintenance: undefined,
    unreachable: undefined,
    self: ill,
    others: workers(5),
    competitor: undefined,
    lastEndedAt: undefined,
    instanceSince: now - 3_600_000,
    hasActed: false,
    policy: { minHealthy: "51%", cooldownMs: 600_000, stepTimeoutMs: 300_000 },
    ...over,
  };
}

const reasonOf = (over: Partial<Situation>) => refusalOf(situation(over), now)?.reason;

test("one ill machine among well ones is remediated", () => {
  expect(refusalOf(situation(), now)).toBeUndefined();
});

test.each([
  ["the Cluster is paused", { paused: "Cluster demo has spec.paused: true" }, "Paused"],
  ["people are at work on it", { maintenance: "Node n is cordoned" }, "Maintenance"],
  ["the cluster does not answer", { unreachable: "no answer" }, "ClusterUnreachable"],
  ["another remediation is at work on the machine", { competitor: "r-2" }, "AnotherRemediation"],
  ["it was remediated a moment ago", { lastEndedAt: now - 599_000 }, "Cooldown"],
  ["its VM has just been started", { instanceSince: now - 599_000 }, "StartedRecently"],
] as const)("a machine is left alone while %s", (_why, over, reason) => {
  expect(reasonOf(over)).toBe(reason);
});

test("what only time ends says when it does, and ends then", () => {
  const cooling = situation({ lastEndedAt: now - 599_000 });
  const refusal = refusalOf(cooling, now);
  expect(refusal?.until).toBe(now + 1_000);
  expect(refusalOf(cooling, now + 1_000)).toBeUndefined();
});

test("a machine that takes longer to start than it is left alone after a remediation is given that time", () => {
  const policy = { ...situation().policy, stepTimeoutMs: 900_000 };
  expect(reasonOf({ policy, instanceSince: now - 899_000 })).toBe("StartedRecently");
  expect(reasonOf({ policy, instanceSince: now - 901_000 })).toBeUndefined();
});

test("after a step of its own a machine only has to have had time to start", () => {
  expect(reasonOf({ hasActed: true, instanceSince: now - 299_000 })).toBe("StartedRecently");
  expect(reasonOf({ hasActed: true, instanceSince: now - 301_000 })).toBeUndefined();
});

describe("the storm gate", () => {
  it("takes half a cluster, or all of it, for one trouble, whatever minHealthy allows", () => {
    const policy = { ...situation().policy, minHealthy: 0 };
    const three = [peer("a", { isHealthy: false }), peer("b", { isHealthy: false }), peer("c")];
    expect(reasonOf({ policy, others: three })).toBe("RemediationStorm");
    expect(reasonOf({ policy, others: workers(5, { isHealthy: false }) })).toBe("RemediationStorm");
  });

  it("takes a minority for troubles of their own", () => {
    expect(reasonOf({ others: [...workers(4), peer("b", { isHealthy: false })] })).toBeUndefined();
  });

  it("lets the only machine of a cluster be remediated", () => {
    expect(reasonOf({ others: [] })).toBeUndefined();
  });

  it("does not count machines that have not joined yet", () => {
    const coming = workers(9, { isHealthy: false, hasJoined: false });
    expect(reasonOf({ others: [peer("a"), peer("b"), ...coming] })).toBeUndefined();
  });
});

describe("minHealthy", () => {
  it("is counted over the other machines and rounded to the safe side", () => {
    expect([leastOf("51%", 2), leastOf("34%", 3), leastOf("0%", 5), leastOf(2, 5), leastOf("3", 5)]).toEqual([
      2, 2, 0, 2, 3,
    ]);
    const policy = { ...situation().policy, minHealthy: "90%" };
    expect(reasonOf({ policy, others: [...workers(4), peer("b", { isHealthy: false })] })).toBe(
      "TooManyUnhealthy",
    );
    expect(reasonOf({ policy })).toBeUndefined();
  });
});

describe("control planes", () => {
  const self = peer("cp-0", { isControlPlane: true, isHealthy: false });
  const cp = (name: string, over: Partial<Peer> = {}) => peer(name, { isControlPlane: true, ...over });

  it("are remediated one at a time, counting those that come and go", () => {
    const other = cp("cp-1");
    expect(reasonOf({ self, others: [other, cp("cp-2"), ...workers(5)] })).toBeUndefined();
    for (const over of [
      { isRemediated: true },
      { isDeleting: true, isHealthy: false },
      { hasJoined: false },
    ]) {
      expect(reasonOf({ self, others: [other, cp("cp-2", over), ...workers(5)] })).toBe("ControlPlaneBusy");
    }
  });

  it("do not wait for each other's workers", () => {
    const busy = peer("w-9", { isRemediated: true, isHealthy: false });
    expect(reasonOf({ self, others: [cp("cp-1"), cp("cp-2"), ...workers(5), busy] })).toBeUndefined();
  });

  it("are left alone when the others would be no quorum of etcd", () => {
    const second = cp("cp-2", { isHealthy: false });
    expect(reasonOf({ self, others: [cp("cp-1"), second, ...workers(8)] })).toBe("EtcdQuorumAtRisk");
    expect(reasonOf({ self, others: [cp("cp-1"), ...workers(8)] })).toBe("EtcdQuorumAtRisk");
  });

  it("of one machine have no quorum to lose", () => {
    expect(reasonOf({ self, others: workers(5) })).toBeUndefined();
  });

  it("keep a quorum of healthy members beside every machine that is remediated, in whatever state the cluster is", () => {
    const peers = fc.record({
      name: fc.string(),
      isControlPlane: fc.boolean(),
      hasJoined: fc.boolean(),
      isHealthy: fc.boolean(),
      isDeleting: fc.boolean(),
      isRemediated: fc.boolean(),
    });
    fc.assert(
      fc.property(
        fc.array(peers, { maxLength: 12 }),
        fc.constantFrom("0%", "51%", 3),
        (others, minHealthy) => {
          const policy = { ...situation().policy, minHealthy };
          if (refusalOf(situation({ self, others, policy }), now) !== undefined) return;
          const voters = others.filter(({ isControlPlane }) => isControlPlane);
          const healthy = voters.filter(({ isHealthy }) => isHealthy).length;
          if (voters.length > 0)
            expect(healthy).toBeGreaterThanOrEqual(Math.floor((voters.length + 1) / 2) + 1);
          expect(voters.some(({ isRemediated, isDeleting }) => isRemediated || isDeleting)).toBe(false);
        },
      ),
      { seed: 7, numRuns: 2_000 },
    );
  });
});
