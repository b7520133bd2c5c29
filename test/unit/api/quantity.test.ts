import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

import { compareQuantities, quantityPattern, quantityToBytes } from "#api/quantity.ts";

describe("a quantity", () => {
  it.each([
    ["40Gi", 40n * 1024n ** 3n],
    ["1.5Ti", 1536n * 1024n ** 3n],
    ["1536Gi", 1536n * 1024n ** 3n],
    ["4G", 4_000_000_000n],
    ["128974848", 128_974_848n],
    ["129e6", 129_000_000n],
    ["129E6", 129_000_000n],
    ["1E", 10n ** 18n],
    ["5e-1", 1n],
    [".5Ki", 512n],
    ["+2Ki", 2048n],
    ["-1Ki", -1024n],
    ["7.Mi", 7n * 1024n ** 2n],
    ["8Ei", 8n * 1024n ** 6n],
    [10, 10n],
    [0, 0n],
  ])("%s is %s bytes", (text, bytes) => {
    expect(quantityToBytes(text)).toBe(bytes);
  });

  it("is rounded up to whole bytes, as Kubernetes does", () => {
    expect(quantityToBytes("1m")).toBe(1n);
    expect(quantityToBytes("1500m")).toBe(2n);
    expect(quantityToBytes("-1500m")).toBe(-1n);
  });

  it.each(["", "Gi", "40 Gi", "40gi", "40GiB", "forty", "1.2.3", "0x10", "NaN", ".", "1e999999999", "1e101"])(
    "is not what %j is",
    (text) => {
      expect(quantityToBytes(text)).toBeUndefined();
      expect(compareQuantities(text, "1")).toBeUndefined();
    },
  );

  it("compares by size, not by text", () => {
    expect(compareQuantities("1.5Ti", "1536Gi")).toBe(0);
    expect(compareQuantities("1Gi", "1G")).toBe(1);
    expect(compareQuantities("999m", 1)).toBe(-1);
  });

  it("is parsed exactly when the pattern of Kubernetes matches a plausible size", () => {
    const texts = fc
      .tuple(
        fc.constantFrom("", "+", "-"),
        fc.stringMatching(/^\d{0,12}(\.\d{0,6})?$/),
        fc.constantFrom("", "Ki", "Ei", "n", "k", "E", "e5", "E-3", "X"),
      )
      .map((parts) => parts.join(""));
    fc.assert(
      fc.property(texts, (text) => {
        expect(quantityToBytes(text) !== undefined).toBe(new RegExp(quantityPattern).test(text));
      }),
    );
  });
});
