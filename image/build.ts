import { join } from "node:path";
import { build } from "rolldown";
import { functionBundle, programBundle } from "#image/bundles.ts";
import { declaredFunctions } from "#image/function-entries.ts";

/** Where everything that is made lies. */
export const dist = join(import.meta.dirname, "..", "dist");

/** The command line, then every function's own bundle: plain JavaScript in few files, the same code as the sources. */
export async function buildAll(): Promise<void> {
  await build(programBundle(dist));
  await buildFunctions(join(dist, "functions"));
}

/** One after the other: each takes all cores it can have. */
export async function buildFunctions(folder: string): Promise<void> {
  for (const fn of await declaredFunctions()) await build(functionBundle(fn, folder));
}

if (import.meta.main) await buildAll();
