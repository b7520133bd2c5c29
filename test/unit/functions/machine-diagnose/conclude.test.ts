import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { conclude } from "#functions/harvester/machine-diagnose/conclude.ts";
import type { Findings, Guest } from "#functions/harvester/machine-diagnose/findings.ts";

const well: Findings = {
  vm: { state: "Running", conditions: [] },
  instance: { phase: "Running", host: "host-1", addresses: ["10.50.0.11"] },
  volumes: [{ name: "m-0-disk-0", phase: "Bound" }],
  images: [{ name: "default/leap", imported: true, progress: 100 }],
  events: [],
  guest: { asked: true, cloudInit: "done", errors: [], log: [] },
};

const event = { about: "VirtualMachine m-0", reason: "FailedCreate", message: "no room", count: 3 };
const unschedulable = { type: "Ready", status: "False", reason: "Unschedulable", message: "0/3 nodes" };
const pending = { name: "m-0-disk-0", phase: "Pending" };
const guest = (over: Partial<Extract<Guest, { asked: true }>>): Guest => ({
  asked: true,
  cloudInit: "done",
  errors: [],
  log: [],
  ...over,
});

describe("what findings come to", () => {
  it.each<[string, Partial<Findings>, string, RegExp]>([
    [
      "an image that is not imported",
      { images: [{ name: "default/leap", imported: false, progress: 40 }] },
      "ImageNotReady",
      /^image default\/leap is not imported \(40 %\)$/,
    ],
    [
      "no room",
      {
        vm: { state: "ErrorUnschedulable", conditions: [] },
        volumes: [pending],
        instance: undefined,
        events: [event],
      },
      "Unschedulable",
      /^no host takes the VM; event FailedCreate: no room$/,
    ],
    [
      "no room, by the instance's condition",
      { vm: { state: "Starting", conditions: [unschedulable] } },
      "Unschedulable",
      /0\/3 nodes$/,
    ],
    [
      "a disk that is not bound",
      { volumes: [pending], instance: undefined },
      "VolumeNotReady",
      /^disk m-0-disk-0 is Pending$/,
    ],
    [
      "a VM without an instance",
      { vm: { state: "CrashLoopBackOff", conditions: [] }, instance: undefined },
      "VMNotStarting",
      /\(CrashLoopBackOff\)/,
    ],
    [
      "an instance that starts",
      {
        vm: { state: "Starting", conditions: [] },
        instance: { phase: "Scheduling", host: undefined, addresses: [] },
      },
      "VMNotStarting",
      /\(Starting, Scheduling\)/,
    ],
    [
      "no address",
      { instance: { phase: "Running", host: "h", addresses: [] } },
      "NoAddress",
      /no guest agent/,
    ],
    [
      "a failed first boot",
      {
        guest: guest({
          cloudInit: "error",
          errors: ["('scripts-user', RuntimeError)"],
          log: ["x", "E: Unable to locate package", "done"],
        }),
      },
      "GuestBootFailed",
      /says error: \('scripts-user', RuntimeError\); its log: E: Unable to locate package$/,
    ],
    [
      "a degraded first boot",
      { guest: guest({ cloudInit: "degraded" }) },
      "GuestBootFailed",
      /says degraded$/,
    ],
    [
      "a boot that goes on",
      { guest: guest({ cloudInit: "running", log: ["Installing"] }) },
      "GuestStillBooting",
      /; its log: Installing$/,
    ],
    ["a guest that is done", {}, "NodeNotJoined", /says done, and no Node has joined$/],
    [
      "a guest that was not asked",
      { guest: { asked: false, why: "no access" } },
      "NodeNotJoined",
      /not asked: no access$/,
    ],
  ])("%s", (_, over, reason, message) => {
    const conclusion = conclude({ ...well, ...over });
    expect(conclusion.reason).toBe(reason);
    expect(conclusion.message).toMatch(message);
  });

  it("is one line of bounded length, whatever others wrote", () => {
    fc.assert(
      fc.property(fc.string({ minLength: 500, maxLength: 5_000, unit: "grapheme" }), (text) => {
        const { message } = conclude({
          ...well,
          guest: guest({ cloudInit: "error", errors: [text], log: [`${text} failed`] }),
        });
        expect(message.length).toBeLessThanOrEqual(1_000);
        expect(message).not.toMatch(/[\r\n]/);
      }),
    );
  });
});
