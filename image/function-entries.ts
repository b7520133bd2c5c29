import { globSync } from "node:fs";
import { join } from "node:path";
import { allFunctions } from "#cli/functions.ts";
import type { Plugin } from "rolldown";

const root = join(import.meta.dirname, "..");
const ENTRY = "function-entry:";

/** Where a function is declared. */
export interface DeclaredAt {
  readonly name: string;
  /** Absolute path of its `function.ts`. */
  readonly path: string;
  /** Name of the export that holds the declaration. */
  readonly export: string;
}

/**
 * Every function and where it is declared, so that a program for it alone can be made. Found by the declarations themselves; throws for one
 * that no `function.ts` exports.
 */
export async function declaredFunctions(): Promise<readonly DeclaredAt[]> {
  const found = new Map<unknown, Omit<DeclaredAt, "name">>();
  for (const file of globSync("functions/*/*/function.ts", { cwd: root })) {
    const path = join(root, file);
    const exported: unknown = await import(path);
    if (typeof exported !== "object" || exported === null) continue;
    for (const [name, value] of Object.entries(exported)) found.set(value, { path, export: name });
  }
  return allFunctions.map((fn) => {
    const at = found.get(fn);
    if (at === undefined) throw new Error(`${fn.name}: no functions/*/*/function.ts exports it`);
    return { name: fn.name, ...at };
  });
}

/** The id under which {@link functionEntry} has the program of this function. */
export function entryOf({ name }: DeclaredAt): string {
  return `${ENTRY}${name}`;
}

/** A program that serves one function, as a module that stands in no file. */
export function functionEntry(fn: DeclaredAt): Plugin {
  const id = entryOf(fn);
  const program = [
    `import ${JSON.stringify(join(root, "cli/lean-schemas.ts"))};`,
    `import { serveFunction } from ${JSON.stringify(join(root, "cli/serve-function.ts"))};`,
    `await serveFunction(${JSON.stringify(fn.name)}, async () => (await import(${JSON.stringify(fn.path)})).${fn.export});`,
  ].join("\n");
  return {
    name: "function-entry",
    resolveId: { filter: { id: new RegExp(`^${id}$`) }, handler: () => `\0${id}` },
    load: { filter: { id: new RegExp(`^\0${id}$`) }, handler: () => program },
  };
}
