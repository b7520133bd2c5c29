import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { checks } from "#test/acceptance/checks.ts";
import { acceptanceDocument, shownChecks } from "#test/acceptance/document.ts";

const root = join(import.meta.dirname, "..", "..");

/** What machines on Harvester must show: checks 51 to 89 and these. */
const due = [...Array.from({ length: 39 }, (_, offset) => 51 + offset), 92, 99, 104, 117, 118];

describe("the acceptance checks", () => {
  it("are 142, in order", () => {
    expect(checks.map(({ number }) => number)).toEqual(Array.from({ length: 142 }, (_, index) => index + 1));
  });

  it("have a test each, where the work has been done", () => {
    const shown = shownChecks(root);
    expect(due.filter((number) => !shown.has(number))).toEqual([]);
  });

  it("are listed as they stand in docs/acceptance.md", () => {
    expect(readFileSync(join(root, "docs", "acceptance.md"), "utf8")).toBe(acceptanceDocument(root));
  });
});
