import { expect, test } from "vitest";
import { dnsLabel } from "#functions/harvester/cluster-names.ts";

test.each([
  [["demo", "demo", "lb"], "demo-demo-lb"],
  [["Demo", "my.cluster_1", "lb"], "demo-my-cluster-1-lb"],
  [["1team", "demo", "lb"], "a-1team-demo-lb"],
  [["-x-", "demo", "lb"], "x--demo-lb"],
])("the name of %j is the Go provider's %s [check 39]", (parts, name) => {
  expect(dnsLabel(...parts)).toBe(name);
});

test("long names stay apart, fit, and end in no dash [check 39]", () => {
  const long = "n".repeat(63);
  const names = [
    dnsLabel(long, "a", "lb"),
    dnsLabel(long, "a", "ippool"),
    dnsLabel(long, "b", "lb"),
    dnsLabel("x".repeat(253), "y".repeat(253), "lb"),
    dnsLabel(`${"n".repeat(53)}-${"-".repeat(20)}`, "a", "lb"),
  ];
  expect(new Set(names).size).toBe(names.length);
  for (const name of names) expect(name).toMatch(/^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$/);
  // 63 characters are not too long.
  expect(dnsLabel("a".repeat(58), "b", "lb")).toBe(`${"a".repeat(58)}-b-lb`);
});
