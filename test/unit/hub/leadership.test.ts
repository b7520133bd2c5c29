import { describe, expect, it } from "vitest";
import { competeForLeadership } from "#events/hub/leadership.ts";
import { leases } from "#platform/kube/resources.ts";
import { FakeApi, kubeError } from "#test/support/fake-api.ts";
import { FakeClock, settle } from "#test/support/fake-clock.ts";

const lease = { namespace: "capfn-system", name: "capfn-hub" };

/** `fresh`: there has never been a Lease, or it was deleted; otherwise it was given back. */
function contest({ fresh = false } = {}) {
  const clock = new FakeClock();
  const api = new FakeApi("management", { requests: [], faultAt: () => undefined });
  if (!fresh) api.put({ ...leaseOf("", -1), metadata: { ...lease } });
  const log: string[] = [];
  const enter = (identity: string, client = api) =>
    competeForLeadership({
      client,
      clock,
      random: () => 0,
      lease,
      identity,
      onLead: (epoch) => log.push(`${identity} leads ${epoch}`),
      onLost: (reason) => log.push(`${identity} lost: ${reason}`),
    });
  const spec = () => api.peek(leases, lease)?.["spec"] as Record<string, unknown> | undefined;
  return { clock, api, log, enter, spec };
}

/** The API server while the way to it is open. */
function through(api: FakeApi, way: { readonly open: boolean }): FakeApi {
  return new Proxy(api, {
    get: (target, field) => {
      const value: unknown = Reflect.get(target, field);
      if (typeof value !== "function") return value;
      return async (...all: unknown[]): Promise<unknown> => {
        if (!way.open) throw kubeError("unavailable", "management");
        return Reflect.apply(value, target, all) as unknown;
      };
    },
  });
}

/** A Lease somebody holds. */
function leaseOf(holderIdentity: string, leaseTransitions: number) {
  const spec = { holderIdentity, leaseTransitions, leaseDurationSeconds: 30 };
  return { apiVersion: "coordination.k8s.io/v1", kind: "Lease", spec };
}

describe("leadership while there is no Lease", () => {
  it("is taken by a newcomer only after a holder it cannot know of would have given up [check 116]", async () => {
    const { clock, log, enter } = contest({ fresh: true });
    const a = enter("a");
    await clock.advance(29_000);
    expect(a.leading).toBe(false);
    await clock.advance(2_000);
    expect(log).toEqual(["a leads 0"]);
  });

  it("stays with a holder that does not know yet that its Lease was deleted, though a newcomer comes", async () => {
    const { clock, api, log, enter, spec } = contest();
    const a = enter("a");
    await settle();
    api.drop(leases, lease);
    const newcomer = enter("b");
    await settle();
    expect(newcomer.leading).toBe(false);
    await clock.advance(120_000);
    expect([a.leading, newcomer.leading]).toEqual([true, false]);
    expect(spec()).toMatchObject({ holderIdentity: "a" });
    expect(log).toEqual(["a leads 0"]);
  });

  it("is never held by two, when the old holder cannot reach the API server any more", async () => {
    const { clock, api, enter } = contest();
    const way = { open: true };
    const a = enter("a", through(api, way));
    await settle();
    way.open = false;
    api.drop(leases, lease);
    const newcomer = enter("b");
    for (let n = 0; n < 60; n += 1) {
      await clock.advance(1_000);
      expect(a.mayAct() && newcomer.mayAct()).toBe(false);
    }
    expect(newcomer.leading).toBe(true);
  });
});

describe("leadership", () => {
  it("is renewed by one request, not read before it is written", async () => {
    const { clock, api, enter } = contest();
    const verbs: string[] = [];
    const counted = new Proxy(api, {
      get: (target, field) => {
        const value: unknown = Reflect.get(target, field);
        if (typeof value !== "function") return value;
        return (...all: unknown[]): unknown => {
          verbs.push(String(field));
          return Reflect.apply(value, target, all);
        };
      },
    });
    enter("a", counted);
    await settle();
    verbs.length = 0;
    await clock.advance(20_000);
    expect(verbs).toEqual(["replace", "replace", "replace", "replace"]);
  });

  it("goes to the first who comes; the Lease says who, since when, and for how long", async () => {
    const { log, enter, spec } = contest();
    const a = enter("a");
    await settle();
    expect(a.leading).toBe(true);
    expect(log).toEqual(["a leads 0"]);
    expect(spec()).toEqual({
      holderIdentity: "a",
      leaseDurationSeconds: 30,
      leaseTransitions: 0,
      acquireTime: "2026-11-21T12:00:00.000000Z",
      renewTime: "2026-11-21T12:00:00.000000Z",
    });
  });

  it("stays with who renews, however long another waits", async () => {
    const { clock, log, enter, spec } = contest();
    enter("a");
    await settle();
    enter("b");
    await clock.advance(600_000);
    expect(log).toEqual(["a leads 0"]);
    expect(spec()?.["renewTime"]).toBe("2026-11-21T12:10:00.000000Z");
  });

  it("goes to the next when the holder has not renewed for the whole lease, with another epoch", async () => {
    const { clock, api, log, enter } = contest();
    enter("a");
    await settle();
    enter("b");
    await clock.advance(5_000);
    api.failOn({ verb: "replace" }, kubeError("unavailable", "management"), { times: 4 });
    await clock.advance(20_000);
    expect(log).toEqual(["a leads 0", "a lost: the Lease could not be renewed within 20000 ms"]);
    await clock.advance(20_000);
    expect(log.slice(2)).toEqual(["b leads 1"]);
  });

  it("is never held by two at once, also while the API server cannot be reached by one of them", async () => {
    const { clock, api, enter } = contest();
    const a = enter("a");
    await settle();
    const b = enter("b");
    api.failOn({ verb: "replace" }, kubeError("timeout", "management"), { times: 4 });
    for (let n = 0; n < 60; n += 1) {
      await clock.advance(1_000);
      expect(a.leading && b.leading).toBe(false);
    }
    expect([a.leading, b.leading]).toEqual([false, true]);
  });

  it("survives a few failed renewals", async () => {
    const { clock, api, log, enter } = contest();
    const a = enter("a");
    await settle();
    api.failOn({ verb: "replace" }, kubeError("unavailable", "management"), { times: 2 });
    await clock.advance(60_000);
    expect(a.leading).toBe(true);
    expect(log).toEqual(["a leads 0"]);
  });

  it("is kept by who leads when somebody deletes the Lease: it is made anew under the same epoch", async () => {
    const { clock, api, log, enter, spec } = contest();
    api.put({ ...leaseOf("z", 6), metadata: { ...lease } });
    const a = enter("a");
    await clock.advance(60_000);
    const b = enter("b");
    await settle();
    api.drop(leases, lease);
    await clock.advance(60_000);
    expect([a.leading, b.leading]).toEqual([true, false]);
    expect(log).toEqual(["a leads 7"]);
    expect(spec()).toMatchObject({ holderIdentity: "a", leaseTransitions: 7 });
  });

  it("is not taken from a holder that was seen and may still act because somebody has deleted its Lease", async () => {
    const { clock, api, log, enter, spec } = contest();
    // A proxy stands between the holder and the API server: when it goes, the holder does not know of the deletion.
    const way = { open: true };
    const a = enter("a", through(api, way));
    await settle();
    const b = enter("b");
    await clock.advance(5_000);
    way.open = false;
    api.drop(leases, lease);
    for (let n = 0; n < 35; n += 1) {
      await clock.advance(1_000);
      expect(a.leading && b.leading).toBe(false);
    }
    expect([a.leading, b.leading]).toEqual([false, true]);
    expect(log.at(-1)).toBe("b leads 1");
    expect(spec()).toMatchObject({ holderIdentity: "b", leaseTransitions: 1 });
  });

  it("is lost by who finds that its Lease was deleted and made anew by another", async () => {
    const { clock, api, log, enter } = contest();
    enter("a");
    await settle();
    api.drop(leases, lease);
    const get = api.get.bind(api);
    api.get = async (...args) => {
      const found = await get(...args);
      if (found === undefined) api.put({ ...leaseOf("c", 0), metadata: { ...lease } });
      return found;
    };
    await clock.advance(5_000);
    expect(log.at(-1)).toBe("a lost: the Lease was deleted, and another has taken it");
  });

  it("is lost at once when the Lease says somebody else, or may not be written any more", async () => {
    const takeovers: ((world: ReturnType<typeof contest>) => void)[] = [
      ({ api }) =>
        api.put({ ...api.peek(leases, lease), spec: { holderIdentity: "c" }, metadata: { ...lease } }),
      ({ api }) => api.failOn({ verb: "replace" }, kubeError("forbidden", "management")),
    ];
    const reasons = [];
    for (const takeOver of takeovers) {
      const world = contest();
      const a = world.enter("a");
      await settle();
      takeOver(world);
      await world.clock.advance(5_000);
      expect(a.leading).toBe(false);
      reasons.push(world.log[1]);
      await world.clock.advance(120_000);
      expect(world.log).toHaveLength(2);
    }
    expect(reasons).toEqual([
      "a lost: the Lease is held by c",
      "a lost: the Lease may not be written: forbidden",
    ]);
  });

  it("is not believed when the answer came too late to be true any more", async () => {
    const { clock, api, log } = contest();
    let release: (() => void) | undefined;
    const held = new Promise<void>((resolve) => (release = resolve));
    const slow = new Proxy(api, {
      get: (target, field) => {
        const value: unknown = Reflect.get(target, field);
        if (typeof value !== "function") return value;
        return async (...all: unknown[]): Promise<unknown> => {
          await held;
          return Reflect.apply(value, target, all);
        };
      },
    });
    const a = competeForLeadership({
      client: slow,
      clock,
      random: () => 0,
      lease,
      identity: "slow",
      onLead: () => log.push("leads"),
      onLost: (reason) => log.push(reason),
    });
    await clock.advance(25_000);
    release?.();
    await settle();
    expect(a.leading).toBe(false);
    expect(log).toEqual([]);
  });

  it("goes on at once to the next when it is given back", async () => {
    const { clock, log, enter, spec } = contest();
    const a = enter("a");
    await settle();
    const b = enter("b");
    await a.release();
    expect(spec()).toMatchObject({ holderIdentity: "", leaseTransitions: 0 });
    await clock.advance(5_000);
    expect(b.leading).toBe(true);
    expect(log).toEqual(["a leads 0", "b leads 1"]);
  });

  it("is left to others by a candidate that was released while it waited", async () => {
    const { clock, api, log, enter } = contest();
    enter("a");
    await settle();
    const b = enter("b");
    await b.release();
    api.drop(leases, lease);
    await clock.advance(120_000);
    expect(log.filter((line) => line.startsWith("b"))).toEqual([]);
  });

  it("is won by one of many who come at the same moment", async () => {
    const { log, enter, clock } = contest();
    const all = Array.from({ length: 10 }, (_, n) => enter(`c${n}`));
    await clock.advance(60_000);
    expect(all.filter(({ leading }) => leading)).toHaveLength(1);
    expect(log).toHaveLength(1);
  });

  it("refuses times with which two could lead at once", () => {
    const { api, clock } = contest();
    const options = {
      client: api,
      clock,
      random: () => 0,
      lease,
      identity: "a",
      onLead: () => undefined,
      onLost: () => undefined,
    };
    expect(() => competeForLeadership({ ...options, giveUpMs: 30_000 })).toThrow(
      "retryMs < giveUpMs < leaseMs",
    );
  });
});
