import type { KubeClient } from "#platform/kube/client.ts";
import { machines } from "#platform/kube/resources.ts";
import { NAMESPACE } from "#test/e2e/contract/names.ts";
import { seenMachine, type SeenMachine } from "#test/e2e/contract/machines.ts";

/** The extremes of what was seen of the machines of one role. */
export interface Extremes {
  /** Fewest that stayed and had a Node that was ready, at one time. */
  leastReady: number;
  /** Most that were being deleted at one time. */
  mostGoing: number;
  /** Most that were there at one time. */
  most: number;
}

export interface RolloutWatch extends Disposable {
  readonly controlPlane: Readonly<Extremes>;
  readonly workers: Readonly<Extremes>;
}

/** Watches the Machines of a cluster as a stranger would, and notes after each change how many are ready and how many go. */
export async function watchRollout(client: KubeClient, cluster: string): Promise<RolloutWatch> {
  const ending = new AbortController();
  const known = new Map<string, SeenMachine>();
  const fresh = (): Extremes => ({ leastReady: Infinity, mostGoing: 0, most: 0 });
  const seen = { controlPlane: fresh(), workers: fresh() };
  const note = (extremes: Extremes, present: readonly SeenMachine[]): void => {
    extremes.leastReady = Math.min(extremes.leastReady, present.filter(({ serving }) => serving).length);
    extremes.mostGoing = Math.max(extremes.mostGoing, present.filter(({ deleting }) => deleting).length);
    extremes.most = Math.max(extremes.most, present.length);
  };
  const noteAll = (): void => {
    const present = [...known.values()];
    note(
      seen.controlPlane,
      present.filter(({ controlPlane }) => controlPlane),
    );
    note(
      seen.workers,
      present.filter(({ controlPlane }) => !controlPlane),
    );
  };
  const { promise: listed, resolve, reject } = Promise.withResolvers<void>();
  void (async () => {
    let complete = false;
    for await (const event of client.watch(machines, { namespace: NAMESPACE, signal: ending.signal })) {
      if (event.type === "synced") {
        complete = true;
        noteAll();
        resolve();
      }
      if (!("object" in event)) continue;
      const machine = seenMachine(event.object);
      if (machine.cluster !== cluster) continue;
      if (event.type === "deleted") known.delete(machine.uid);
      else known.set(machine.uid, machine);
      if (complete) noteAll();
    }
  })().catch(reject);
  await listed;
  return { ...seen, [Symbol.dispose]: () => ending.abort(new Error("the rollout is over")) };
}
