import type { ServeFlags } from "#cli/actions/serve.ts";
import type { Terminal } from "#cli/terminal.ts";
import type { StepFunction } from "#functions/contract/function.ts";

/** Serves the named functions, all when none is named. Throws, with all names, for one that does not exist. */
export async function serveNamed(
  given: readonly string[],
  flags: ServeFlags,
  terminal: Terminal,
): Promise<void> {
  const load = async () => {
    const { allFunctions } = await import("#cli/functions.ts");
    return given.length === 0 ? allFunctions : given.map((name) => named(name, allFunctions));
  };
  const { managementConfig: managementOf } = await import("#cli/operator/management.ts");
  const names = given.length === 0 ? (await load()).map(({ name }) => name) : given;
  const served = { names, load, managementOf };
  if (flags.pullFrom === undefined)
    await (await import("#cli/actions/serve.ts")).serve(served, flags, terminal);
  else await (await import("#cli/actions/serve-pull.ts")).servePull(served, flags, terminal);
}

function named(name: string, all: readonly StepFunction[]): StepFunction {
  const fn = all.find((each) => each.name === name);
  if (fn !== undefined) return fn;
  throw new Error(`no function "${name}"; there are: ${all.map((each) => each.name).join(", ")}`);
}
