import { expect, test } from "vitest";
import { attachedClaims, removedClaims, wantedClaims } from "#platform/simulator/disk-claims.ts";
import { isOneOf } from "#platform/simulator/guest-behaviour.ts";
import { type GuestEvent, type Guest, guestListeners } from "#platform/simulator/guest-listeners.ts";
import { keyFingerprint } from "#platform/simulator/key-fingerprint.ts";
import { chooseHost, hostSchema } from "#platform/simulator/placement.ts";
import { linkLocalAddress, seededFraction, seededMacAddress } from "#platform/simulator/seeded-choice.ts";
import { printedStatus, statusIsStale } from "#platform/simulator/virtual-machine-status.ts";
import { instance, vm } from "#test/unit/simulator/objects.ts";

const host = (name: string, labels: Record<string, string> = {}, unschedulable = false) =>
  hostSchema.parse({
    metadata: {
      name,
      uid: name,
      resourceVersion: "1",
      labels: { "kubernetes.io/hostname": name, ...labels },
    },
    spec: { unschedulable },
  });

test("a guest goes to a host that its affinity allows and that is not cordoned", () => {
  const hosts = [
    host("host-0", { zone: "a" }),
    host("host-1", { zone: "b" }),
    host("host-2", { zone: "b" }, true),
  ];
  const wanting = (values: string[], operator = "In") => {
    const nodeSelectorTerms = [{ matchExpressions: [{ key: "zone", operator, values }] }];
    const required = { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms } };
    return instance("Pending", { spec: { affinity: { nodeAffinity: required } } }).spec;
  };
  expect(chooseHost(wanting(["b"]), hosts, "seed")).toBe("host-1");
  expect(chooseHost(wanting(["b"], "NotIn"), hosts, "seed")).toBe("host-0");
  expect(chooseHost(wanting(["c"]), hosts, "seed")).toBeUndefined();
  expect(chooseHost(instance("Pending").spec, hosts, "seed")).toMatch(/^host-[01]$/);
});

test("choices by seed are repeatable, spread, and look like what they stand for", () => {
  expect(seededFraction(1, "a")).toBe(seededFraction(1, "a"));
  expect(seededFraction(1, "a")).not.toBe(seededFraction(2, "a"));
  const share = Array.from({ length: 1_000 }, (_, index) => `vm-${index}`).filter((name) =>
    isOneOf({ share: 0.2 }, { seed: 1, name, what: "silent" }),
  );
  expect(share.length).toBeGreaterThan(150);
  expect(share.length).toBeLessThan(250);
  expect(seededMacAddress(1, "a")).toMatch(/^02(:[0-9a-f]{2}){5}$/);
  expect(linkLocalAddress("52:54:00:12:34:56")).toBe("fe80::5054:ff:fe12:3456");
});

test("a key's fingerprint is the one ssh-keygen -E md5 prints, and a text that is no key has none", () => {
  const key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGlwsDLuGd0HG8j3h/JzIPkFc9HzKTzIXhYJmIyZBvqG me";
  expect(keyFingerprint(key)).toBe("5e:29:d0:d4:48:07:29:bd:df:bc:eb:6b:a9:8b:80:82");
  for (const text of ["", "ssh-ed25519", "ssh-rsa AAAAC3NzaC1lZDI1NTE5AAAAIGlw", "ssh-ed25519 AAAA"]) {
    expect(keyFingerprint(text)).toBeUndefined();
  }
});

test("claims keep their labels and annotations and come into the VM's namespace", () => {
  const template = {
    metadata: { name: "disk", namespace: "other", labels: { a: "b" } },
    spec: { volumeMode: "Block" },
    status: {},
  };
  const annotations = {
    "harvesterhci.io/volumeClaimTemplates": JSON.stringify([template]),
    "harvesterhci.io/removedPersistentVolumeClaims": "disk, other,",
  };
  const machine = vm({ metadata: { annotations } });
  expect(wantedClaims(machine)).toEqual([
    {
      apiVersion: "v1",
      kind: "PersistentVolumeClaim",
      metadata: { name: "disk", namespace: "demo", labels: { a: "b" } },
      spec: { volumeMode: "Block" },
    },
  ]);
  expect(removedClaims(machine)).toEqual(["disk", "other"]);
  expect(attachedClaims(instance("Running").spec)).toEqual(["disk"]);
  expect(
    wantedClaims(vm({ metadata: { annotations: { "harvesterhci.io/volumeClaimTemplates": "{" } } })),
  ).toEqual([]);
});

test("the printed status follows the instance, and a VM about to start is not written to", () => {
  const printed = (machine = vm(), vmi?: ReturnType<typeof instance>) =>
    printedStatus(machine, vmi, true).printableStatus;
  const deleted = { deletionTimestamp: "2026-11-21T12:00:00Z" };
  expect(printed()).toBe("Starting");
  expect(printed(vm(), instance("Scheduled"))).toBe("Starting");
  expect(printed(vm(), instance("Running"))).toBe("Running");
  expect(printed(vm(), instance("Running", { metadata: deleted }))).toBe("Stopping");
  expect(printed(vm({ metadata: deleted }), instance("Running"))).toBe("Terminating");
  expect(printed(vm({ spec: { runStrategy: "Halted" } }))).toBe("Stopped");
  expect(printedStatus(vm(), undefined, false).printableStatus).toBe("ErrorPvcNotFound");
  expect(statusIsStale(vm(), printedStatus(vm(), undefined, true), true)).toBe(false);
  const starting = printedStatus(vm(), instance("Pending"), true);
  expect([true, false].map((every) => statusIsStale(vm(), starting, every))).toEqual([true, false]);
  const stopped = vm({ status: { printableStatus: "Stopped" } });
  expect(statusIsStale(stopped, printedStatus(stopped, undefined, true), true)).toBe(true);
});

test("a listener hears each change of a guest once, and a late one hears of guests that run", () => {
  const heard: string[] = [];
  const listeners = guestListeners();
  const note =
    (who: string) =>
    ({ type, guest }: GuestEvent): void =>
      void heard.push(`${who} ${type} ${guest.instanceUid}`);
  const guest = (instanceUid: string, ...addresses: string[]): Guest => ({
    namespace: "demo",
    name: "vm-1",
    vmUid: "vm",
    instanceUid,
    hostname: "vm-1",
    labels: {},
    addresses,
    nodeAfterMs: 0,
  });
  listeners.add(note("first"));
  listeners.tell("demo/vm-1", guest("i1"));
  listeners.tell("demo/vm-1", guest("i1", "10.0.0.1"));
  listeners.tell("demo/vm-1", guest("i1", "10.0.0.1"));
  const end = listeners.add(note("late"));
  end();
  listeners.tell("demo/vm-1", guest("i2"));
  listeners.tell("demo/vm-1", undefined);
  expect(heard).toEqual([
    "first running i1",
    "first addressed i1",
    "late running i1",
    "late addressed i1",
    "first gone i1",
    "first running i2",
    "first gone i2",
  ]);
});
