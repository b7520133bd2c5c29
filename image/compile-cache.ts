import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import { APP, COMPILE_CACHE, RUNTIME_UID } from "#image/run-config.ts";
import type { Member } from "#image/tar.ts";
import { type Root, serveOnce } from "#image/warm-up.ts";

/**
 * V8 puts hash tables in the order of a random seed and drops the code of functions that were not called lately. With these flags the same program
 * gives the same cache.
 */
const SETTLED = ["--hash-seed=1", "--random-seed=1", "--no-flush-bytecode"];

/** Where numbers stand in a cache file: Node's header of five words (src/compile_cache.cc), then V8's (SerializedCodeData). */
const AT = { checksum: 16, data: 20, magic: 20, version: 24, flags: 32, snapshot: 36 } as const;

/**
 * The compile cache of all function bundles, as each leaves it after one event; without it V8 compiles the same text at every start. Node keeps
 * caches apart by version, architecture, V8 flags and user, so the folder is called as that of the image's user without flags; it is not that user's to change. Throws when this Node's
 * cache is of a form that is not known here.
 */
export async function compileCache(root: Root, functions: readonly string[]): Promise<readonly Member[]> {
  const cache = join(root.folder, COMPILE_CACHE);
  const plain = await plainCache(root, cache);
  mkdirSync(cache, { recursive: true });
  for (const name of functions) await serveOnce(root, SETTLED, name);
  const [made, ...more] = readdirSync(cache);
  if (made === undefined || more.length > 0) throw new Error(`${cache}: one folder was expected`);
  const files = readdirSync(join(cache, made)).map((name): Member => {
    const content = stamped(readFileSync(join(cache, made, name)), plain.entry);
    return { type: "file", path: `${COMPILE_CACHE}/${plain.folder}/${name}`, content, uid: 0, mode: 0o644 };
  });
  rmSync(cache, { recursive: true });
  const folders = [COMPILE_CACHE, `${COMPILE_CACHE}/${plain.folder}`];
  return [...folders.map((path): Member => ({ type: "directory", path, uid: 0, mode: 0o755 })), ...files];
}

/** What this Node's cache is called, and looks like, when it runs without flags as the image's user. */
async function plainCache(root: Root, cache: string): Promise<{ folder: string; entry: Buffer }> {
  const probe = join(root.folder, APP, "probe.mjs");
  mkdirSync(cache, { recursive: true });
  writeFileSync(probe, "export {};\n");
  await root.run([`/${APP}/probe.mjs`]);
  const [folder = ""] = readdirSync(cache);
  const [name = ""] = folder === "" ? [] : readdirSync(join(cache, folder));
  if (name === "") throw new Error("this Node keeps no compile cache; is its folder writable?");
  const entry = readFileSync(join(cache, folder, name));
  rmSync(probe);
  rmSync(cache, { recursive: true });
  if (entry.readUInt32LE(AT.checksum) !== crc32(entry.subarray(AT.data)))
    throw new Error(
      "the compile cache of this Node has another form than that of 24; see AT in image/compile-cache.ts",
    );
  return { folder: folder.replace(/-\d+$/, `-${RUNTIME_UID}`), entry };
}

/** The entry as one made without flags: V8 refuses code that was made under other flags, though none of {@link SETTLED} changes code. */
function stamped(entry: Buffer, plain: Buffer): Buffer {
  for (const at of [AT.magic, AT.version, AT.snapshot])
    if (entry.readUInt32LE(at) !== plain.readUInt32LE(at))
      throw new Error(
        "the compile cache of this Node has another form than that of 24; see AT in image/compile-cache.ts",
      );
  const copy = Buffer.from(entry);
  copy.writeUInt32LE(plain.readUInt32LE(AT.flags), AT.flags);
  copy.writeUInt32LE(crc32(copy.subarray(AT.data)), AT.checksum);
  return copy;
}
