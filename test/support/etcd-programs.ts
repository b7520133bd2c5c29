import { access } from "node:fs/promises";
import { join } from "node:path";
import { findBinary } from "#platform/control-plane/assets.ts";
import { systemClock } from "#platform/process/clock.ts";
import { processEnvironment } from "#platform/process/environment.ts";
import { debianPackage } from "#test/support/debian-programs.ts";

/** A program that clusters of the tests are made of. */
export interface EtcdProgram {
  readonly title: string;
  /** The program, or one sentence that says why it cannot be had. */
  readonly find: () => Promise<string | { readonly missing: string }>;
  /** What this version takes besides the flags that all do. */
  readonly flags: readonly string[];
}

/** The one that control planes of the tests have too, of the newest minor version that is built. */
export const builtEtcd: EtcdProgram = {
  title: "etcd as it is built",
  find: () =>
    findBinary({ environment: processEnvironment(), clock: systemClock(), progress: () => {} }, "etcd"),
  flags: ["--unsafe-no-fsync"],
};

/** Two minor versions older: etcd 3.4, as Debian 12 has it. It cannot leave out syncing to the disk, and logs as it did before. */
const debianEtcd: EtcdProgram = {
  title: "Debian's etcd",
  find: async () => {
    const unpacked = await debianPackage("etcd-server");
    if ("missing" in unpacked) return unpacked;
    const program = join(unpacked.root, "usr/bin/etcd");
    await access(program);
    return program;
  },
  flags: ["--logger=zap"],
};

/** Those that can be had here; prints why another cannot. Never fewer than the built one. */
export async function etcdProgramsHere(): Promise<readonly EtcdProgram[]> {
  const found = await Promise.all(
    [builtEtcd, debianEtcd].map(async (each) => ({ each, path: await each.find() })),
  );
  return found.flatMap(({ each, path }) => {
    if (typeof path === "string") return [each];
    console.warn(`not tested with ${each.title}: ${path.missing}`);
    return [];
  });
}
