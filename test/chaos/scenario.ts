import type { Actor } from "#test/chaos/actor.ts";

/** Something that happens to machines, from preparation to rest. It must end in one state whatever the timing. */
export interface Scenario {
  readonly name: string;
  /** Pools as [name, first address, last address]. */
  readonly pools: readonly (readonly [string, number, number])[];
  readonly cluster?: "pool" | "dhcp";
  readonly play: (actor: Actor) => Promise<void>;
}
