import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { APP, RUNTIME_UID } from "#image/run-config.ts";
import type { Member } from "#image/tar.ts";

const CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt";

/**
 * What lies under the program: Node, the libraries it is linked with, users, name resolution, the certificate authorities this machine trusts. No
 * shell and no package manager. Throws when the libraries cannot be listed.
 */
export function baseTree(node: string): readonly Member[] {
  const files = [
    file("usr/local/bin/node", readFileSync(node), 0o755),
    ...librariesOf(node).map((path) => file(path.slice(1), readFileSync(path), 0o755)),
    file(
      "etc/passwd",
      `root:x:0:0:root:/:/sbin/nologin\ncapfn:x:${RUNTIME_UID}:${RUNTIME_UID}::/:/sbin/nologin\n`,
    ),
    file("etc/group", `root:x:0:\ncapfn:x:${RUNTIME_UID}:\n`),
    file("etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files dns\n"),
    ...(existsSync(CERTIFICATES) ? [file(CERTIFICATES.slice(1), readFileSync(CERTIFICATES))] : []),
  ];
  return [...parentsOf(files), ...files, directory("tmp", 0o1777)];
}

/** The built program and its bill of materials, readable for everybody and written by nobody. */
export function appTree(dist: string, sbom: string): readonly Member[] {
  const built = readdirSync(dist, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(".mjs"))
    .map((entry) => join(entry.parentPath, entry.name))
    .map((path) => file(join(APP, relative(dist, path)), readFileSync(path)));
  const files = [...built, file(`${APP}/sbom.cdx.json`, sbom)];
  return [...parentsOf(files), ...files];
}

/** Paths the program's dynamic linker loads, and its own. */
function librariesOf(program: string): string[] {
  const listed = execFileSync("ldd", [program], { encoding: "utf8" });
  const paths = [...listed.matchAll(/(?:=> |^\s+)(\/\S+) \(0x/gm)].map(([, path = ""]) => path);
  if (!paths.some((path) => path.includes("/libc.so.")))
    throw new Error(
      `ldd ${program}: names no C library; is it a dynamically linked program of this machine?`,
    );
  return paths.filter((path) => statSync(path).isFile());
}

function parentsOf(members: readonly Member[]): Member[] {
  const paths = new Set<string>();
  for (const { path } of members) for (let at = dirname(path); at !== "."; at = dirname(at)) paths.add(at);
  return [...paths].map((path) => directory(path));
}

function file(path: string, content: string | Uint8Array, mode = 0o644): Member {
  return { type: "file", path, content: Buffer.from(content), uid: 0, mode };
}

function directory(path: string, mode = 0o755): Member {
  return { type: "directory", path, uid: 0, mode };
}
