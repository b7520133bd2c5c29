import { describe, expect, it } from "vitest";
import { competeForLeadership, type LeadershipOptions } from "#events/hub/leadership.ts";
import type { Clock } from "#platform/process/clock.ts";
import { FakeApi } from "#test/support/fake-api.ts";
import { FakeClock, settle } from "#test/support/fake-clock.ts";
import { hubBench, widget } from "#test/support/hub-bench.ts";

function contest() {
  const clock = new FakeClock();
  const client = new FakeApi("management", { requests: [], faultAt: () => undefined });
  // Given back by whoever had it before.
  client.put({
    apiVersion: "coordination.k8s.io/v1",
    kind: "Lease",
    metadata: { namespace: "capfn-system", name: "capfn-hub" },
    spec: { holderIdentity: "" },
  });
  const log: string[] = [];
  const enter = (identity: string, own: Partial<LeadershipOptions> = {}) =>
    competeForLeadership({
      client,
      clock,
      random: () => 0,
      lease: { namespace: "capfn-system", name: "capfn-hub" },
      identity,
      onLead: () => log.push(`${identity} leads`),
      onLost: (reason) => log.push(`${identity} lost: ${reason}`),
      ...own,
    });
  return { clock, log, enter };
}

const lost = "a lost: the Lease could not be renewed within 20000 ms";

describe("a process that stalls longer than its Lease", () => {
  it("has lost the lead when it wakes, before any timer says so", async () => {
    const { clock, log, enter } = contest();
    const a = enter("a");
    await settle();
    clock.stall(19_999);
    expect(a.mayAct()).toBe(true);
    clock.stall(1);
    expect(a.mayAct()).toBe(false);
    expect(log).toEqual(["a leads", lost]);
    await clock.advance(0);
    expect(a.mayAct()).toBe(false);
    expect(log).toHaveLength(2);
  });

  it("has lost it also when its monotonic clock stood still with the machine", async () => {
    const { clock, log, enter } = contest();
    const start = clock.monotonic();
    const suspended: Clock = {
      now: () => clock.now(),
      monotonic: () => start,
      schedule: (afterMs, callback) => clock.schedule(afterMs, callback),
    };
    const a = enter("a", { clock: suspended });
    await settle();
    expect(a.mayAct()).toBe(true);
    clock.stall(20_000);
    expect(a.mayAct()).toBe(false);
    expect(log).toEqual(["a leads", lost]);
  });

  it("may not act before it leads, nor after it has given the lead back", async () => {
    const { enter } = contest();
    const a = enter("a");
    await settle();
    const b = enter("b");
    await settle();
    expect([a.mayAct(), b.mayAct()]).toEqual([true, false]);
    await a.release();
    expect(a.mayAct()).toBe(false);
  });

  it("starts nothing, although a change comes in before it is told that it does not lead", async () => {
    const { enter, clock } = contest();
    const a = enter("a");
    await settle();
    const bench = hubBench({ mayAct: () => a.mayAct() });
    await bench.list(widget({ version: "1", want: 1, have: 1 }));
    clock.stall(30_000);
    await bench.see(widget({ version: "101", want: 2, have: 1 }));
    expect(bench.runs).toHaveLength(0);
    expect(bench.hub.figures().queued).toBe(1);
  });
});
