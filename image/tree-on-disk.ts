import { chmodSync, lchownSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Member } from "#image/tar.ts";

/** Lays members out as files in a folder. Owners are set when this process may set them. */
export function layOut(folder: string, members: readonly Member[]): void {
  for (const member of members.toSorted((a, b) => (a.path < b.path ? -1 : 1))) {
    const path = join(folder, member.path);
    if (member.type === "directory") mkdirSync(path, { recursive: true });
    else if (member.type === "link") symlinkSync(member.target, path);
    else writeFileSync(path, member.content);
    if (process.getuid?.() === 0) lchownSync(path, member.uid, member.uid);
    // Not when it is made: the process's umask would take bits away.
    if (member.type !== "link") chmodSync(path, member.mode);
  }
}
