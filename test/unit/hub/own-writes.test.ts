import { describe, expect, it } from "vitest";
import { OwnWrites } from "#events/hub/own-writes.ts";

const wrote = (writes: OwnWrites, window: number) =>
  writes.wrote("c|x|/a", [{ resourceVersion: "90000", digest: "own", items: ["step/a"] }], {
    window,
    collection: "c|x",
    base: "before",
    delivered: "90000",
  });

describe("what is remembered of own writes", () => {
  it("stays bounded while some run is always under way", () => {
    const writes = new OwnWrites();
    let most = 0;
    let open = [writes.open()];
    for (let n = 1; n <= 10_000; n += 1) {
      open = [...open, writes.open()];
      writes.changed(`c|x|/${n % 100}`, String(n));
      if (n % 50 === 0) writes.gap(`c${n}|x`);
      const [oldest, ...others] = open;
      if (open.length > 8 && oldest !== undefined) {
        writes.close(oldest);
        open = others;
      }
      most = Math.max(most, writes.size);
    }
    expect(most).toBeLessThan(20);
    for (const window of open) writes.close(window);
    expect(writes.size).toBe(0);
  });

  it("still tells the oldest run under way of every change since it began", () => {
    const writes = new OwnWrites();
    const before = writes.open();
    writes.changed("c|x|/a", "1");
    const oldest = writes.open();
    writes.changed("c|x|/a", "2");
    const newest = writes.open();
    writes.close(before);
    expect(wrote(writes, oldest)).toBe(true);
    expect(wrote(writes, newest)).toBe(false);
    writes.close(oldest);
    expect(writes.size).toBe(0);
  });

  it("still tells the oldest run of a list that hid versions since it began, and a younger one not", () => {
    const writes = new OwnWrites();
    const before = writes.open();
    const oldest = writes.open();
    writes.gap("c|x");
    const newest = writes.open();
    writes.close(before);
    expect(wrote(writes, oldest)).toBe(true);
    expect(wrote(writes, newest)).toBe(false);
  });
});
