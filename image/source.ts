import { execFileSync } from "node:child_process";
import type { Environment } from "#platform/process/environment.ts";

/** Which source something is made of. */
export interface Source {
  /** Commit, as far as it is known. */
  readonly revision: string | undefined;
  /** Files were changed since that commit. */
  readonly changed: boolean;
  /** Seconds since the epoch; everything that is made carries it instead of the time it was made at. */
  readonly time: number;
}

/** By git; where there is none by `SOURCE_DATE_EPOCH` (reproducible-builds.org) and `CAPFN_REVISION`, which come first in any case. */
export function sourceOf(root: string, environment: Environment): Source {
  const revision = environment.get("CAPFN_REVISION") ?? git(root, "rev-parse", "HEAD");
  const time = Number(environment.get("SOURCE_DATE_EPOCH") ?? git(root, "log", "-1", "--format=%ct") ?? 0);
  if (!Number.isInteger(time) || time < 0)
    throw new Error("SOURCE_DATE_EPOCH: is no time; give whole seconds since 1970");
  return {
    revision,
    time,
    changed: git(root, "status", "--porcelain", "--untracked-files=no") !== undefined,
  };
}

/** What git prints; undefined where it prints nothing, or there is no git or no repository. */
function git(root: string, ...args: readonly string[]): string | undefined {
  try {
    const printed = execFileSync("git", args, { cwd: root, stdio: ["ignore", "pipe", "ignore"] });
    const text = printed.toString().trim();
    return text === "" ? undefined : text;
  } catch {
    return undefined;
  }
}
