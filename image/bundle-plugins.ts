import type { Plugin } from "rolldown";

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

const NATIVE = "\0native-part";

/** ssh2 names files in its own folder, which a module of the bundle does not have; on Linux it reads none of them. */
const folderOfSsh2: Plugin = {
  name: "folder-of-ssh2",
  transform: {
    filter: { id: /\/ssh2\/lib\/.*\.js$/ },
    handler: (code) => code.replaceAll("__dirname", '"."'),
  },
};

/**
 * Native parts that packages can do without (ssh2, cpu-features) are absent from the bundle, which runs on any platform. They are asked for with
 * `require` in a `try`: what throws when it is asked for is what an absent one does.
 */
const noNativeParts: Plugin = {
  name: "no-native-parts",
  resolveId: { filter: { id: /\.node$/ }, handler: () => NATIVE },
  load: {
    filter: { id: new RegExp(`^${NATIVE}$`) },
    handler: () => 'module.exports = null; throw new Error("the bundle has no native parts");',
  },
};

const UNUSED = "\0unused-part:";

/** What fastify loads and capfn has no use for, and the text each is replaced by: it fails when it is used after all. */
const unused: Readonly<Record<string, string>> = {
  // Compilers of JSON schemas, a third of a megabyte: what comes in is read with zod.
  "@fastify/ajv-compiler": "module.exports = () => absent;",
  "@fastify/fast-json-stringify-compiler": "module.exports = () => absent;",
  // Requests without a socket, for tests.
  "light-my-request": "module.exports = absent;",
  // Versions that plugins ask for; there are no plugins.
  semver: "module.exports = { gt: absent, coerce: absent, satisfies: absent };",
  // Servers are HTTP/1.1.
  "node:http2": "module.exports = { createServer: absent, createSecureServer: absent };",
};

const unusedParts: Plugin = {
  name: "unused-parts",
  resolveId: {
    filter: { id: new RegExp(`^(?:${Object.keys(unused).join("|")})$`) },
    handler: (source, importer) =>
      importer?.includes("/node_modules/fastify/") === true ? `${UNUSED}${source}` : null,
  },
  load: {
    filter: { id: new RegExp(`^${UNUSED}`) },
    handler: (id) => {
      const name = id.slice(UNUSED.length);
      const message = JSON.stringify(`${name} is not in the bundle; see image/bundle-plugins.ts`);
      return `const absent = () => { throw new Error(${message}); };\n${unused[name] ?? ""}`;
    },
  },
};

/** What every bundle is made with. */
export const bundlePlugins: readonly Plugin[] = [asciiOnly, noNativeParts, folderOfSsh2, unusedParts];
