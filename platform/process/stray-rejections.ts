import { AsyncLocalStorage } from "node:async_hooks";

/**
 * Runs an act; `stray` is told of every rejection it leaves behind: of promises it started and nobody awaits. Node ends the process
 * because of such a rejection; for one step of many that is too much.
 */
export type Contain = <T>(act: () => Promise<T>, stray: (error: unknown) => void) => Promise<T>;

/** One process can contain acts only once. A rejection that belongs to no act ends the process, as ever. `told` hears of those that do not. */
export function containStrays(source: Pick<NodeJS.Process, "on">, told: (error: unknown) => void): Contain {
  const owners = new AsyncLocalStorage<(error: unknown) => void>();
  source.on("unhandledRejection", (reason) => {
    const owner = owners.getStore();
    if (owner === undefined) throw reason;
    told(reason);
    owner(reason);
  });
  return (act, stray) => owners.run(stray, act);
}
