import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { acceptanceDocument } from "#test/acceptance/document.ts";

const root = join(import.meta.dirname, "..", "..");
const page = join(root, "docs", "acceptance.md");
const text = acceptanceDocument(root);
if (!process.argv.includes("--check")) writeFileSync(page, text);
else if (readFileSync(page, "utf8") !== text) {
  process.stderr.write("not up to date: docs/acceptance.md; run: npm run generate\n");
  process.exitCode = 1;
}
