import { join } from "node:path";
import type { BuildOptions, OutputOptions } from "rolldown";
import { bundlePlugins } from "#image/bundle-plugins.ts";
import { entryOf, functionEntry, type DeclaredAt } from "#image/function-entries.ts";

/** Function names are kept, so that a stack trace says where it was. */
const output = {
  format: "esm",
  minify: {
    compress: true,
    mangle: { toplevel: true, keepNames: true },
    codegen: { removeWhitespace: true },
  },
} as const satisfies OutputOptions;

const root = join(import.meta.dirname, "..");

/** `capfn.mjs` and its chunks: the whole command line. Clears the folder first. */
export function programBundle(dir: string): BuildOptions {
  return {
    input: join(root, "cli/capfn.ts"),
    platform: "node",
    plugins: [...bundlePlugins],
    output: {
      ...output,
      dir,
      entryFileNames: "[name].mjs",
      chunkFileNames: "[name]-[hash].mjs",
      cleanDir: true,
    },
  };
}

/** `<name>.mjs`: one function behind HTTP, in one file. A pod that starts for an event reads nothing else. */
export function functionBundle(fn: DeclaredAt, dir: string): BuildOptions {
  return {
    input: { [fn.name]: entryOf(fn) },
    cwd: root,
    platform: "node",
    plugins: [functionEntry(fn), ...bundlePlugins],
    // ES modules where a package has them: of these only what is used is taken.
    resolve: { mainFields: ["module", "main"] },
    output: { ...output, dir, entryFileNames: "[name].mjs", codeSplitting: false },
  };
}
