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
  resolveId: (source) => (source.endsWith(".node") ? NATIVE : null),
  load: (id) =>
    id === NATIVE ? 'module.exports = null; throw new Error("the bundle has no native parts");' : null,
};

/** What every bundle is made with. */
export const bundlePlugins: readonly Plugin[] = [asciiOnly, noNativeParts, folderOfSsh2];
