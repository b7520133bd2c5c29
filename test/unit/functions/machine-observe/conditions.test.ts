import { describe, expect, it } from "vitest";

import { mergeConditions, sameConditions } from "#platform/cluster-api/conditions.ts";

const EARLIER = "2026-01-01T00:00:00Z";
const now = new Date("2026-01-02T03:04:05.678Z");

function condition(
  type: string,
  more: { status?: "True" | "False"; message?: string; reason?: string } = {},
) {
  return { type, status: "True" as const, reason: "R", message: "", ...more };
}

describe("conditions", () => {
  const current = ["A", "B", "C"].map((type) => ({ ...condition(type), lastTransitionTime: EARLIER }));

  it("move their transition time with their status only, in whole seconds", () => {
    const merged = mergeConditions(
      current,
      [condition("A", { message: "new", reason: "N" }), condition("B", { status: "False" })],
      now,
    );
    expect(merged.map(({ lastTransitionTime }) => lastTransitionTime)).toEqual([
      EARLIER,
      "2026-01-02T03:04:05Z",
      EARLIER,
    ]);
    expect(merged[0]).toMatchObject({ message: "new", reason: "N" });
  });

  it("keep their order; new ones follow", () => {
    const merged = mergeConditions(current, [condition("Z"), condition("C"), condition("Y")], now);
    expect(merged.map(({ type }) => type)).toEqual(["A", "B", "C", "Z", "Y"]);
    expect(mergeConditions(undefined, [condition("Z")], now)).toHaveLength(1);
  });

  it("are the same when only timestamps differ, and not when anything else does", () => {
    expect(sameConditions(current, [condition("B")])).toBe(true);
    expect(sameConditions(current, [condition("B", { message: "x" })])).toBe(false);
    expect(sameConditions(current, [condition("D")])).toBe(false);
    expect(sameConditions(current, [{ ...condition("B"), observedGeneration: 2 }])).toBe(false);
    expect(sameConditions(mergeConditions(current, [condition("D")], now), [condition("D")])).toBe(true);
  });
});
