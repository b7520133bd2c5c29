import { serve, type ServeFlags } from "#cli/actions/serve.ts";
import { allFunctions } from "#cli/functions.ts";
import { managementConfig } from "#cli/operator/management.ts";
import type { Terminal } from "#cli/terminal.ts";
import type { StepFunction } from "#functions/contract/function.ts";

/** Serves the named functions, all when none is named. Throws, with all names, for one that does not exist. */
export function serveNamed(names: readonly string[], flags: ServeFlags, terminal: Terminal): Promise<void> {
  return serve(names.length === 0 ? allFunctions : names.map(named), flags, terminal, managementConfig);
}

function named(name: string): StepFunction {
  const fn = allFunctions.find((each) => each.name === name);
  if (fn !== undefined) return fn;
  throw new Error(`no function "${name}"; there are: ${allFunctions.map((each) => each.name).join(", ")}`);
}
