import { describe, expect, test } from "vitest";
import { type GuestSituation, nextStep, wantsToRun } from "#platform/simulator/instance-lifecycle.ts";
import type { SimulatorTimes } from "#platform/simulator/times.ts";
import { connected, instance, vm } from "#test/unit/simulator/objects.ts";

const times: SimulatorTimes = {
  vmiAfterMs: 500,
  runningAfterMs: 30_500,
  addressAfterMs: 10_000,
  cniAfterMs: 60_000,
  stopAfterMs: 45_000,
  nodeAfterMs: 90_000,
  imageAfterMs: 60_000,
  loadBalancerAfterMs: 1_000,
};

function situation(fields: Partial<GuestSituation>): GuestSituation {
  return {
    vm: vm(),
    instance: undefined,
    disksReady: true,
    everyPhase: true,
    seen: {
      wantedAt: 0,
      instanceAt: 0,
      reportDueAt: Infinity,
      cniDueAt: Infinity,
      stoppingAt: Infinity,
    },
    nowMs: 0,
    times,
    ...fields,
  };
}
const seen = situation({}).seen;
const deleted = { deletionTimestamp: "2026-11-21T12:00:00Z" };

describe("a VM", () => {
  test("gets finalizers first, then disks, then its instance after a while", () => {
    const fresh = vm({ metadata: { finalizers: ["example.com/other"] } });
    expect(nextStep(situation({ vm: fresh, disksReady: false }))).toMatchObject({ do: "add-finalizers" });
    expect(nextStep(situation({ disksReady: false }))).toMatchObject({ do: "create-disks" });
    expect(nextStep(situation({ nowMs: 100 }))).toEqual({ do: "wait", forMs: 400 });
    expect(nextStep(situation({ nowMs: 500 }))).toMatchObject({ do: "create-instance" });
  });

  test.each([
    [{ runStrategy: "Always" }, true],
    [{ runStrategy: "RerunOnFailure" }, true],
    [{ runStrategy: "Halted" }, false],
    [{ runStrategy: "Manual" }, false],
    [{ runStrategy: undefined, running: true }, true],
    [{ runStrategy: undefined, running: false }, false],
  ])("with %o wants to run: %s", (spec, wants) => {
    expect(wantsToRun(vm({ spec }))).toBe(wants);
  });

  test("that is deleted never wants to run", () => {
    expect(wantsToRun(vm({ metadata: deleted }))).toBe(false);
  });

  test("that is halted has its disks and no instance", () => {
    const halted = vm({ spec: { runStrategy: "Halted" } });
    expect(nextStep(situation({ vm: halted, disksReady: false }))).toMatchObject({ do: "create-disks" });
    expect(nextStep(situation({ vm: halted, nowMs: 1e9 }))).toEqual({ do: "nothing" });
  });

  test("that is deleted is let go only when its instance is gone", () => {
    const going = vm({ metadata: deleted });
    expect(nextStep(situation({ vm: going, instance: instance("Running") }))).toMatchObject({
      do: "delete-instance",
    });
    expect(nextStep(situation({ vm: going }))).toMatchObject({ do: "release-vm" });
  });

  test("that is deleted and held by somebody else only is left alone", () => {
    const held = vm({ metadata: { ...deleted, finalizers: ["example.com/other"] } });
    expect(nextStep(situation({ vm: held }))).toEqual({ do: "nothing" });
  });
});

describe("an instance", () => {
  test("spends its boot evenly on the phases", () => {
    const at = (phase: string, nowMs: number) => nextStep(situation({ instance: instance(phase), nowMs }));
    expect(at("Pending", 0)).toEqual({ do: "wait", forMs: 10_000 });
    expect(at("Pending", 10_000)).toMatchObject({ do: "enter-phase", phase: "Scheduling" });
    expect(at("Scheduling", 10_000)).toEqual({ do: "wait", forMs: 10_000 });
    expect(at("Scheduled", 29_000)).toEqual({ do: "wait", forMs: 1_000 });
    expect(at("Scheduled", 30_000)).toMatchObject({ do: "enter-phase", phase: "Running" });
  });

  test("skips the phases between when few writes are wanted, and runs at the same time", () => {
    const at = (nowMs: number) =>
      nextStep(situation({ instance: instance("Pending"), everyPhase: false, nowMs }));
    expect(at(29_999)).toEqual({ do: "wait", forMs: 1 });
    expect(at(30_000)).toMatchObject({ do: "enter-phase", phase: "Running" });
  });

  test("reports when its agent is due and then rests", () => {
    const reporting = { ...seen, reportDueAt: 7_000 };
    const at = (nowMs: number) =>
      nextStep(situation({ instance: instance("Running"), seen: reporting, nowMs }));
    expect(at(6_000)).toEqual({ do: "wait", forMs: 1_000 });
    expect(at(7_000)).toMatchObject({ do: "report-addresses" });
    const reported = instance("Running", { status: connected });
    expect(nextStep(situation({ instance: reported, nowMs: 1e9 }))).toEqual({ do: "nothing" });
  });

  test("whose agent never speaks rests too", () => {
    expect(nextStep(situation({ instance: instance("Running"), nowMs: 1e9 }))).toEqual({ do: "nothing" });
  });

  test("reports the CNI's interfaces once", () => {
    const cni = { ...seen, cniDueAt: 5_000 };
    const bare = instance("Running", { status: { ...connected, interfaces: [{ name: "nic-1" }] } });
    const full = instance("Running", {
      status: { ...connected, interfaces: [{ name: "nic-1" }, { interfaceName: "cni0" }] },
    });
    expect(nextStep(situation({ instance: bare, seen: cni, nowMs: 5_000 }))).toMatchObject({
      do: "report-cni-interfaces",
    });
    expect(nextStep(situation({ instance: full, seen: cni, nowMs: 5_000 }))).toEqual({ do: "nothing" });
  });

  test("stops with grace once it runs, and at once before", () => {
    const stopping = (phase: string, nowMs: number) =>
      nextStep(
        situation({
          instance: instance(phase, { metadata: deleted }),
          seen: { ...seen, stoppingAt: 0 },
          nowMs,
        }),
      );
    expect(stopping("Running", 44_000)).toEqual({ do: "wait", forMs: 1_000 });
    expect(stopping("Running", 45_000)).toMatchObject({ do: "end-instance" });
    expect(stopping("Scheduling", 0)).toMatchObject({ do: "end-instance" });
  });

  test("of a VM that is gone, or of its namesake, is deleted", () => {
    expect(nextStep(situation({ vm: undefined, instance: instance("Running") }))).toMatchObject({
      do: "delete-instance",
    });
    const namesake = vm({ metadata: { uid: "another" } });
    expect(nextStep(situation({ vm: namesake, instance: instance("Running") }))).toMatchObject({
      do: "delete-instance",
    });
  });
});
