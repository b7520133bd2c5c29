import type { SimulatorTimes } from "#platform/simulator/times.ts";
import type { Sizes } from "#test/bench/bench-world.ts";

const early: SimulatorTimes = {
  vmiAfterMs: 200,
  runningAfterMs: 1_000,
  addressAfterMs: 2_000,
  cniAfterMs: 1_000,
  stopAfterMs: 5_000,
  nodeAfterMs: 3_000,
  imageAfterMs: 100,
  loadBalancerAfterMs: 1_000,
};

/** What is published: 1, 10, 100 machines; an address 2 s or 30 s after running; a stop of 5 s or 45 s. */
export const fullSizes: Sizes = {
  dispatches: 30_000,
  counts: [1, 10, 100],
  dhcp: 20,
  early,
  late: { ...early, addressAfterMs: 30_000, nodeAfterMs: 31_000, stopAfterMs: 45_000 },
  waiting: 100,
  clusters: 10,
  harvesters: 100,
  perCluster: 3,
  population: 2_000,
  indexed: [2_000, 20_000],
  idleMs: 60_000,
  alerts: 10_000,
  coldStarts: 9,
};

export const quickSizes: Sizes = {
  dispatches: 5_000,
  counts: [1, 10],
  dhcp: 5,
  early,
  late: { ...early, addressAfterMs: 8_000, nodeAfterMs: 9_000, stopAfterMs: 10_000 },
  waiting: 20,
  clusters: 4,
  harvesters: 10,
  perCluster: 2,
  population: 200,
  indexed: [2_000],
  idleMs: 10_000,
  alerts: 500,
  coldStarts: 3,
};
