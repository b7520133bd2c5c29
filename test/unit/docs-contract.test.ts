import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { anchors, links, readPage, repository } from "#test/support/documentation.ts";

const page = readPage("docs/reference/contract.md");

/** Rows of the tables of clauses. */
const rows = page.text.split("\n").flatMap((line) => {
  const cells = /^\| (?<clause>.+) \| `(?<keeper>[^`]+)` \| (?<sentence>.+) \(`(?<file>[^`]+)`\) \|$/.exec(
    line,
  );
  return cells?.groups === undefined
    ? []
    : [cells.groups as Record<"clause" | "keeper" | "sentence" | "file", string>];
});

const lines = page.text.split("\n").filter((line) => /^\| (?!clause |---)/.test(line));

describe("the page about the contract", () => {
  test("has in each row a clause, the file that keeps it, and a test", () => {
    expect(rows).toHaveLength(lines.length);
    expect(rows.length).toBeGreaterThan(30);
  });

  test.each(rows)("names what keeps and what shows: $clause", ({ keeper, sentence, file }) => {
    expect(existsSync(join(repository, keeper)), keeper).toBe(true);
    const text = readFileSync(join(repository, file), "utf8");
    // Numbers of acceptance checks at either end of the name are not repeated.
    expect(text.includes(sentence), `"${sentence}" is no test of ${file}`).toBe(true);
  });

  test("links to headings that exist", () => {
    for (const target of links(page)) {
      const [path = "", anchor] = target.split("#");
      const found = readPage(join("docs/reference", path));
      if (anchor !== undefined) expect(anchors(found), target).toContain(anchor);
    }
  });
});
