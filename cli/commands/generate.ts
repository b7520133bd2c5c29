import { join } from "node:path";
import type { Command } from "commander";
import type { Terminal } from "#cli/terminal.ts";

/** `capfn generate`: renders manifests, the chart and reference pages. */
export function addGenerateCommand(program: Command, terminal: Terminal): void {
  program
    .command("generate")
    .summary("render CRDs, manifests, the chart and pages from their sources")
    .description(
      "Writes manifests, chart and docs/reference from the schemas in api/ and the declarations of the functions. With --check it writes nothing and fails when a file differs.",
    )
    .option("--check", "only compare")
    .action(async (flags: { check?: boolean }) => {
      const [{ generatedFiles }, { drift, writeGenerated }] = await Promise.all([
        import("#cli/generate/index.ts"),
        import("#cli/generate/write.ts"),
      ]);
      const root = join(import.meta.dirname, "..", "..");
      const files = generatedFiles();
      if (flags.check !== true) {
        await writeGenerated(root, files);
        terminal.print(`${files.size} files written`);
        return;
      }
      const differing = await drift(root, files);
      if (differing.length > 0)
        throw new Error(`not up to date: ${differing.join(", ")}; run: npm run generate`);
      terminal.print("all generated files are up to date");
    });
}
