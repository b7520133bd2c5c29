import type { KubeClient } from "#platform/kube/client.ts";
import type { Clock } from "#platform/process/clock.ts";
import { startClaimController } from "#platform/simulator/claim-controller.ts";
import { dhcpLeases } from "#platform/simulator/dhcp-leases.ts";
import type { GuestBehaviour } from "#platform/simulator/guest-behaviour.ts";
import { startGuestController } from "#platform/simulator/guest-controller.ts";
import { type GuestListener, guestListeners } from "#platform/simulator/guest-listeners.ts";
import { startImageController } from "#platform/simulator/image-controller.ts";
import { startKeyPairController } from "#platform/simulator/key-pair-controller.ts";
import { startLoadBalancerController } from "#platform/simulator/load-balancer-controller.ts";
import type { Scope } from "#platform/simulator/object-store.ts";
import { startPoolController } from "#platform/simulator/pool-controller.ts";
import { watchWorld } from "#platform/simulator/simulated-world.ts";
import { FAST_TIMES, type SimulatorTimes } from "#platform/simulator/times.ts";
import { type VmOperations, vmOperations } from "#platform/simulator/vm-operations.ts";

/** How a simulated Harvester behaves. */
export interface HarvesterSimulatorOptions {
  /** Of an API server with Harvester's resource types, under a user of its own so that audit logs tell its requests apart. */
  readonly client: KubeClient;
  readonly clock: Clock;
  /** Times, or times by name of the object; `FAST_TIMES` when absent. */
  readonly times?: SimulatorTimes | ((name: string) => SimulatorTimes) | undefined;
  /** Decides hosts, MAC addresses and which guests misbehave; the same seed gives the same run. */
  readonly seed?: number | string | undefined;
  readonly guests?: GuestBehaviour | undefined;
  /** Addresses of guests and load balancers that have no fixed one. */
  readonly dhcp?: { readonly rangeStart: string; readonly rangeEnd: string } | undefined;
  /** The objects it acts on; all when absent. With it several simulators share one API server. */
  readonly scope?: Scope | undefined;
  /** Told of requests that failed and are repeated, and of objects that cannot be read. */
  readonly onError?: ((what: string, error: unknown) => void) | undefined;
}

/** Plays Harvester, KubeVirt, kube-vip, the storage and the guests on a real API server until it is stopped. */
export interface HarvesterSimulator extends VmOperations, AsyncDisposable {
  /** Tells of guests that run, have addresses, are gone; first of those that run already. Returns what ends it. */
  onGuest(listener: GuestListener): () => void;
  /** Takes a running guest's addresses away for this long, as a guest agent that stops answering does. */
  blinkAddress(vm: { readonly namespace: string; readonly name: string }, forMs: number): Promise<void>;
  /** Ends it. What it made stays; a new simulator goes on from there. */
  stop(): Promise<void>;
}

const DEFAULT_DHCP = { rangeStart: "10.60.0.10", rangeEnd: "10.60.63.254" };

/** Starts a simulated Harvester; resolves when it has seen all there is and acts on it. */
export async function startHarvesterSimulator(
  options: HarvesterSimulatorOptions,
): Promise<HarvesterSimulator> {
  const ending = new AbortController();
  const { client, clock } = options;
  const times = options.times ?? FAST_TIMES;
  const { rangeStart, rangeEnd } = options.dhcp ?? DEFAULT_DHCP;
  const world = await watchWorld({
    client,
    clock,
    seed: options.seed ?? 0,
    timesOf: typeof times === "function" ? times : () => times,
    leases: dhcpLeases(rangeStart, rangeEnd),
    scope: options.scope ?? (() => true),
    signal: ending.signal,
    onError: (what, error) => {
      if (!ending.signal.aborted) options.onError?.(what, error);
    },
  });
  const listeners = guestListeners();
  const guests = startGuestController(world, options.guests ?? {}, listeners);
  const pools = await startPoolController(world);
  const controllers = [
    guests,
    pools,
    startClaimController(world),
    startImageController(world),
    startKeyPairController(world),
    startLoadBalancerController(world, pools.pools),
  ];
  const stop = async (): Promise<void> => {
    ending.abort(new Error("the simulator was stopped"));
    await Promise.all(controllers.map((controller) => controller.stop()));
  };
  return {
    ...vmOperations(client, clock),
    onGuest: (listener) => listeners.add(listener),
    blinkAddress: ({ namespace, name }, forMs) => guests.silenceAgent(`${namespace}/${name}`, forMs),
    stop,
    [Symbol.asyncDispose]: stop,
  };
}
