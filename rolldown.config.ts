import type { BuildOptions, Plugin } from "rolldown";

/**
 * V8 keeps a source with one character beyond Latin-1 at two bytes for every character; written as an escape it costs nothing. Such
 * characters stand in string and template literals only.
 */
const asciiOnly: Plugin = {
  name: "ascii-only",
  generateBundle: (_options, bundle) => {
    for (const file of Object.values(bundle)) {
      if (file.type !== "chunk") continue;
      file.code = file.code.replace(/[\u0080-\uffff]/g, (it) => String.raw`\u${hex(it.charCodeAt(0))}`);
    }
  },
};

function hex(unit: number): string {
  return unit.toString(16).padStart(4, "0");
}

/**
 * `npm run build`: plain JavaScript in few files. Node then loads no TypeScript stripper and a tenth of the modules, which halves the
 * memory of `capfn run`. Function names are kept, so that a stack trace says where it was. What runs from the sources and what runs from here is
 * the same code.
 */
const config: BuildOptions = {
  input: "cli/capfn.ts",
  platform: "node",
  plugins: [asciiOnly],
  output: {
    dir: "dist",
    entryFileNames: "[name].mjs",
    chunkFileNames: "[name]-[hash].mjs",
    format: "esm",
    cleanDir: true,
    minify: {
      compress: true,
      mangle: { toplevel: true, keepNames: true },
      codegen: { removeWhitespace: true },
    },
  },
};

export default config;
