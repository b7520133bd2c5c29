import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { acceptanceDocument } from "#test/acceptance/document.ts";

const root = join(import.meta.dirname, "..", "..");
writeFileSync(join(root, "docs", "acceptance.md"), acceptanceDocument(root));
