import { describe, expect, it } from "vitest";
import { chooseMember } from "#functions/cluster-api/etcd-snapshot/choose-member.ts";
import { etcdSnapshot } from "#functions/cluster-api/etcd-snapshot/function.ts";
import type { Need } from "#functions/contract/function.ts";
import { cluster, place } from "#test/support/cluster-objects.ts";
import { fakeDeps } from "#test/support/step-deps.ts";
import { stepWorld } from "#test/support/step-world.ts";
import { etcdSecret } from "#test/unit/functions/etcd-remove/control-plane.ts";
import { idOf, scene, status } from "#test/unit/functions/etcd-remove/members.ts";

async function need(annotations: object, over: object = {}): Promise<Need> {
  const deps = fakeDeps({
    management: [cluster({ metadata: { annotations, ...over } }), etcdSecret()],
  });
  return (await stepWorld(deps, place.namespace).evaluate(etcdSnapshot, place.cluster)).need;
}

const every = (text: string) => ({ "capfn.dev/etcd-snapshot-every": text });
const taken = { "capfn.dev/etcd-snapshot-taken": "2026-01-01T00:00:00Z" };

describe("when a snapshot is due", () => {
  it("never, unless the Cluster asks for snapshots", async () => {
    expect(await need({})).toBe(false);
    expect(await need(taken)).toBe(false);
  });

  it("at once when there was none, and then as often as the annotation says", async () => {
    expect(await need(every("12h"))).toBe(true);
    expect(await need({ ...every("12h"), ...taken })).toEqual(new Date("2026-01-01T12:00:00Z"));
    expect(await need({ ...every("2d"), ...taken })).toEqual(new Date("2026-01-03T00:00:00Z"));
    expect(await need({ ...every("12h"), "capfn.dev/etcd-snapshot-taken": "yesterday" })).toBe(true);
  });

  it("not while the Cluster is paused, moves away or goes", async () => {
    for (const name of ["cluster.x-k8s.io/paused", "clusterctl.cluster.x-k8s.io/delete-for-move"]) {
      expect(await need({ ...every("12h"), [name]: "" })).toBe(false);
    }
    expect(await need(every("12h"), { deletionTimestamp: "2026-01-01T00:00:00Z" })).toBe(false);
  });

  it("not without the authority of its etcd", async () => {
    const deps = fakeDeps({ management: [cluster({ metadata: { annotations: every("12h") } })] });
    const { need: found } = await stepWorld(deps, place.namespace).evaluate(etcdSnapshot, place.cluster);
    expect(found).toBe(false);
  });

  it("never by annotations that make no sense; what is wrong with them is said", async () => {
    const keep = (text: string) => ({ ...every("12h"), "capfn.dev/etcd-snapshot-keep": text });
    const wrong = [every("9m"), every("12"), every("-1h"), every(""), every("1e9h"), keep("0"), keep("many")];
    for (const annotations of wrong) {
      const deps = fakeDeps({
        management: [cluster({ metadata: { annotations } }), etcdSecret()],
        snapshotPlace: { kind: "directory", path: "/nowhere" },
      });
      const world = stepWorld(deps, place.namespace);
      const { [place.cluster]: outcome } = await world.run(etcdSnapshot, [place.cluster]);
      expect(outcome, JSON.stringify(annotations)).toMatchObject({
        kind: "failed",
        reason: "EtcdSnapshotScheduleInvalid",
      });
    }
  });
});

describe("the member a snapshot is taken from", () => {
  it("is a follower that is furthest, else the leader, never a learner, a corrupt one or one without a leader", () => {
    const view = scene({ voters: 3, target: 1, learners: [4] });
    expect(chooseMember(view)?.member.name).toBe("cp-2");
    const ahead = view.members.map((each) =>
      each.member.id === idOf(3) ? { ...each, status: status(3, { appliedIndex: 1_001n }) } : each,
    );
    expect(chooseMember({ ...view, members: ahead })?.member.name).toBe("cp-3");
    const corrupt = [2, 3].map((n) => ({ memberId: idOf(n), type: "CORRUPT" }));
    expect(chooseMember({ ...view, alarms: corrupt })?.member.name).toBe("cp-1");
    const lost = view.members.map((each, index) => ({
      ...each,
      status: status(index + 1, { leader: undefined }),
    }));
    expect(chooseMember({ ...view, members: lost })).toBeUndefined();
  });
});
