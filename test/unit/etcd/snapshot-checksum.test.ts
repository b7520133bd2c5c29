import { createHash } from "node:crypto";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { trailingChecksum } from "#platform/etcd/snapshot.ts";

/** A database of whole pages with its SHA-256 behind it, as etcd sends it. */
function snapshotOf(pages: number, fill: number): Buffer {
  const database = Buffer.alloc(pages * 512, fill);
  return Buffer.concat([database, createHash("sha256").update(database).digest()]);
}

function faultOf(content: Buffer, cuts: readonly number[] = []): string | undefined {
  const checksum = trailingChecksum();
  const borders = [0, ...cuts.map((cut) => cut % (content.length + 1)), content.length].toSorted(
    (a, b) => a - b,
  );
  for (const [index, from] of borders.entries())
    checksum.add(content.subarray(from, borders[index + 1] ?? from));
  return checksum.fault();
}

describe("the checksum behind a snapshot", () => {
  it("fits however the stream is cut into chunks", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 4 }),
        fc.nat(255),
        fc.array(fc.nat(4_000)),
        (pages, fill, cuts) => {
          expect(faultOf(snapshotOf(pages, fill), cuts)).toBeUndefined();
        },
      ),
    );
  });

  it("does not fit when any byte is another one", () => {
    fc.assert(
      fc.property(fc.nat(512 + 31), (at) => {
        const content = snapshotOf(1, 7);
        content[at] = (content[at] ?? 0) ^ 1;
        expect(faultOf(content)).toBe("the checksum is not that of the content; take it again");
      }),
    );
  });

  it("is missed when the stream ended early, had none, or was empty", () => {
    const whole = snapshotOf(2, 1);
    for (const content of [
      whole.subarray(0, -1),
      whole.subarray(0, -32),
      whole.subarray(0, 32),
      Buffer.alloc(0),
    ]) {
      expect(faultOf(content)).toMatch(/not a whole snapshot/);
    }
  });
});
