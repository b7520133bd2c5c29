import { readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { checks } from "#test/acceptance/checks.ts";
import { runbookRows } from "#test/acceptance/runbooks.ts";

/** Where a check is shown: the sentence of a test, and its file. */
interface Shown {
  readonly sentence: string;
  readonly file: string;
}

/** `docs/acceptance.md`: every check with the tests that carry its number; what has none is listed as later work. */
export function acceptanceDocument(root: string): string {
  const shown = testsByCheck(root);
  const covered = checks.filter(({ number }) => shown.has(number)).length;
  const lines = [
    "<!-- Generated from test/acceptance/checks.ts and the names of the tests. Do not edit; run: npm run generate -->",
    "",
    "# Acceptance checks",
    "",
    "What a drop-in replacement for the Go provider must do: M is the management cluster, H Harvester, W a workload cluster. A check is shown when a",
    `test carries its number. ${covered} of ${checks.length} are shown; the others fall to work that has not been done yet.`,
  ];
  let area = "";
  for (const check of checks) {
    if (check.area !== area) {
      area = check.area;
      lines.push("", `## ${area}`, "", "| check | what | state | tests |", "| --- | --- | --- | --- |");
    }
    const tests = shown.get(check.number) ?? [];
    const cells = tests.map(({ sentence, file }) => `${cell(sentence)} (\`${file}\`)`).join("<br>");
    lines.push(
      `| ${check.number} | ${cell(check.sentence)} | ${tests.length > 0 ? "shown" : "later"} | ${cells} |`,
    );
  }
  return `${[...lines, ...runbookSection()].join("\n")}\n`;
}

/** The rows of both operations guides with the functions that do them. */
function runbookSection(): string[] {
  const rows = runbookRows.map(({ guide, row, page, functions, left }) => {
    const does = functions.length === 0 ? "none" : functions.map((name) => `\`${name}\``).join(", ");
    return `| ${guide} | [${row}](${page}) | ${does} | ${cell(left)} |`;
  });
  return [
    "",
    "## Runbooks",
    "",
    "What the operations guides of CAPHV and of the LXD lab have a person do, and which function does it.",
    "",
    "| guide | row | function | left to a person |",
    "| --- | --- | --- | --- |",
    ...rows,
  ];
}

/** Numbers of the checks that some test names. */
export function shownChecks(root: string): ReadonlySet<number> {
  return new Set(testsByCheck(root).keys());
}

function testsByCheck(root: string): Map<number, Shown[]> {
  const found = new Map<number, Shown[]>();
  for (const file of testFiles(root)) {
    const text = readFileSync(join(root, file), "utf8");
    // Any string with a marker is a test's name, or part of one: names also stand on their own line, in tables and as keys of cases.
    for (const [, , name] of text.matchAll(
      /(["'`])((?:\\.|(?!\1)[^\\\n])*\[checks? (?:\\.|(?!\1)[^\\\n])*)\1/g,
    )) {
      for (const number of numbersIn(name ?? "")) {
        const sentence = (name ?? "").replaceAll(/\s*\[checks? [^\]]*\]/g, "").trim();
        found.set(number, [...(found.get(number) ?? []), { sentence, file }]);
      }
    }
  }
  return found;
}

/** `[check 57]`, `[check 57, 58]`, `[checks 53-55]`. */
function numbersIn(name: string): number[] {
  return [...name.matchAll(/\[checks? ([\d,\s-]+)\]/g)].flatMap(([, list]) =>
    (list ?? "").split(",").flatMap((part) => {
      const [from, to] = part.split("-").map(Number);
      if (from === undefined || Number.isNaN(from)) return [];
      return Array.from({ length: (to ?? from) - from + 1 }, (_, offset) => from + offset);
    }),
  );
}

/** Test files, and the scenarios of the end-to-end suite that `npm test` plays. */
function testFiles(root: string): string[] {
  const scenarios = join(root, "test", "e2e", "contract");
  return readdirSync(join(root, "test"), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .filter(
      ({ name, parentPath }) =>
        name.endsWith(".test.ts") || (parentPath === scenarios && name.endsWith(".ts")),
    )
    .map((entry) => relative(root, join(entry.parentPath, entry.name)))
    .toSorted();
}

function cell(text: string): string {
  return text.replaceAll("|", "\\|");
}
