import { join } from "node:path";
import { generatedFiles } from "#cli/generate/index.ts";
import { drift, writeGenerated } from "#cli/generate/write.ts";

/**
 * `npm run generate`: writes manifests, chart and docs/reference from the schemas in api/ and the declarations of the
 * functions. With --check it writes nothing and fails when a file differs.
 */
const root = join(import.meta.dirname, "..", "..");
const files = generatedFiles();
if (process.argv.includes("--check")) {
  const differing = await drift(root, files);
  if (differing.length > 0) {
    process.stderr.write(`not up to date: ${differing.join(", ")}; run: npm run generate\n`);
    process.exitCode = 1;
  } else process.stdout.write("all generated files are up to date\n");
} else {
  await writeGenerated(root, files);
  process.stdout.write(`${files.size} files written\n`);
}
