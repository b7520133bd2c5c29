import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { allFunctions } from "#cli/functions.ts";
import { checks } from "#test/acceptance/checks.ts";
import { acceptanceDocument, shownChecks } from "#test/acceptance/document.ts";
import { runbookRows } from "#test/acceptance/runbooks.ts";

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

  it("of the guides' runbooks name functions that exist, on pages that exist", () => {
    const known = new Set(allFunctions.map(({ name }) => name));
    const wrong = runbookRows.flatMap(({ row, page, functions, left }) => {
      const path = join(root, "docs", page.replace(/#.*/, ""));
      const text = existsSync(path) ? readFileSync(path, "utf8") : "";
      return [
        ...(text === "" ? [`${row}: there is no ${page}`] : []),
        ...functions.filter((name) => !known.has(name)).map((name) => `${row}: there is no function ${name}`),
        ...(functions.length === 0 && left === "" ? [`${row}: nobody does it`] : []),
      ];
    });
    expect(wrong).toEqual([]);
  });

  it("of the guides' runbooks cover every page of docs/runbooks that a guide knows", () => {
    const pages = new Set(runbookRows.map(({ page }) => page.replace(/#.*/, "")));
    const readme = readFileSync(join(root, "docs", "runbooks", "README.md"), "utf8");
    const unlisted = [...pages].filter(
      (page) => page.startsWith("runbooks/") && !readme.includes(`(${page.slice("runbooks/".length)})`),
    );
    expect(unlisted).toEqual([]);
  });

  it("are listed as they stand in docs/acceptance.md", () => {
    expect(readFileSync(join(root, "docs", "acceptance.md"), "utf8")).toBe(acceptanceDocument(root));
  });
});
