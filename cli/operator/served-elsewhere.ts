import { version } from "#cli/version.ts";
import type { Runner } from "#events/transport/runner.ts";
import type { Clock } from "#platform/process/clock.ts";

/** Flags that say where functions are served, if not in this process. */
export interface ElsewhereFlags {
  readonly functionsUrl?: string;
  readonly functionsTokenFile?: string;
}

/** The runner for functions that are served elsewhere; undefined when they run in this process. Throws with the mend when a flag is wrong. */
export async function servedElsewhere(
  { functionsUrl, functionsTokenFile }: ElsewhereFlags,
  clock: Clock,
): Promise<Runner | undefined> {
  if (functionsUrl === undefined) {
    if (functionsTokenFile === undefined) return undefined;
    throw new Error("--functions-token-file needs --functions-url, which says where functions are served");
  }
  const urlOf = functionUrls(functionsUrl);
  // Loaded only when it is asked for.
  const { httpRunner } = await import("#events/transport/http-runner.ts");
  const { tokenIn } = await import("#events/transport/token-file.ts");
  if (functionsTokenFile !== undefined) await tokenIn(functionsTokenFile);
  // The kubelet replaces a projected token before it ends.
  const token = async () => (functionsTokenFile === undefined ? undefined : tokenIn(functionsTokenFile));
  return httpRunner({ urlOf, tokenOf: token, version, clock });
}

/** Where a function is, by a template with `{function}` in it, in the host, the path or both. Throws with the mend when it is none. */
export function functionUrls(template: string): (name: string) => string {
  const urlOf = (name: string) => template.replaceAll("{function}", name);
  const parsed =
    template.includes("{function}") && URL.canParse(urlOf("a")) ? new URL(urlOf("a")) : undefined;
  if (parsed?.protocol === "http:" || parsed?.protocol === "https:") return urlOf;
  throw new Error(
    `--functions-url: "${template}" is no URL with {function} in it; use e.g. http://localhost:8080/{function}`,
  );
}
