import { join } from "node:path";
import { build } from "rolldown";
import { functionBundle, programBundle } from "#image/bundles.ts";
import { declaredFunctions } from "#image/function-entries.ts";

/** Where everything that is made lies. */
export const dist = join(import.meta.dirname, "..", "dist");

/** Plain JavaScript in few files: Node then loads no TypeScript stripper and a tenth of the modules. It is the same code as the sources. */
export async function buildAll(): Promise<void> {
  await build(programBundle(dist));
  // One after the other: each takes all cores it can have.
  for (const fn of await declaredFunctions()) await build(functionBundle(fn, join(dist, "functions")));
}

if (import.meta.main) await buildAll();
