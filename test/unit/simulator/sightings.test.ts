import { expect, test } from "vitest";
import { type GuestMemory, remember } from "#platform/simulator/sightings.ts";
import { FAST_TIMES } from "#platform/simulator/times.ts";
import { connected, instance, vm } from "#test/unit/simulator/objects.ts";

const times = { ...FAST_TIMES, addressAfterMs: 100, cniAfterMs: 1_000 };
const traits = { times, hasCniInterfaces: false };

test("the moment a VM began to want an instance is kept from look to look", () => {
  const first = remember(undefined, { vm: vm(), instance: undefined }, traits, 10);
  const second = remember(first, { vm: vm(), instance: undefined }, traits, 50);
  expect(second?.wantedAt).toBe(10);
});

test("a namesake's moments are its own", () => {
  const first = remember(undefined, { vm: vm(), instance: undefined }, traits, 10);
  const namesake = vm({ metadata: { uid: "another" } });
  expect(remember(first, { vm: namesake, instance: undefined }, traits, 50)?.wantedAt).toBe(50);
});

test("the agent's first report is due a while after the guest was first seen to run, and again after it fell silent", () => {
  const look = (before: GuestMemory | undefined, phase: string, status: object, now: number) =>
    remember(before, { vm: vm(), instance: instance(phase, { status }) }, traits, now);
  const pending = look(undefined, "Pending", {}, 0);
  expect(pending?.reportDueAt).toBe(Infinity);
  const running = look(pending, "Running", {}, 30);
  expect(look(running, "Running", {}, 60)?.reportDueAt).toBe(130);
  const reported = look(running, "Running", connected, 130);
  expect(reported?.reportDueAt).toBe(Infinity);
  expect(look(reported, "Running", {}, 500)?.reportDueAt).toBe(600);
});

test("an agent told to be silent is due when its silence ends", () => {
  const silent = { ...traits, silentUntil: 900 };
  const objects = { vm: vm(), instance: instance("Running") };
  expect(remember(undefined, objects, silent, 0)?.reportDueAt).toBe(900);
});

test("the CNI's interfaces are due a while after the first report, if there are any", () => {
  const objects = { vm: vm(), instance: instance("Running", { status: connected }) };
  expect(remember(undefined, objects, traits, 5)?.cniDueAt).toBe(Infinity);
  expect(remember(undefined, objects, { ...traits, hasCniInterfaces: true }, 5)?.cniDueAt).toBe(1_005);
});

test("nothing is remembered of what does not exist", () => {
  expect(remember(undefined, { vm: undefined, instance: undefined }, traits, 0)).toBeUndefined();
});
