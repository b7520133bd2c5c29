/** How long what Harvester, KubeVirt and the guests do takes. All in milliseconds. */
export interface SimulatorTimes {
  /** From the VirtualMachine wanting to run to its VirtualMachineInstance. */
  readonly vmiAfterMs: number;
  /** From the VirtualMachine wanting to run to phase Running; at least `vmiAfterMs`. */
  readonly runningAfterMs: number;
  /** From phase Running to the guest agent's first report of addresses. */
  readonly addressAfterMs: number;
  /** From the first report of addresses to the report of the interfaces that a CNI plugin made, when there are any. */
  readonly cniAfterMs: number;
  /** From the request to stop to the end of the guest. */
  readonly stopAfterMs: number;
  /** From phase Running to the registration of the Node in the workload cluster. */
  readonly nodeAfterMs: number;
  /** From a VirtualMachineImage to its condition Imported. */
  readonly imageAfterMs: number;
  /** From a LoadBalancer, or a Service of type LoadBalancer, to its address. */
  readonly loadBalancerAfterMs: number;
}

/** For tests of behaviour: every step is seen, none is waited for. */
export const FAST_TIMES: SimulatorTimes = {
  vmiAfterMs: 5,
  runningAfterMs: 20,
  addressAfterMs: 10,
  cniAfterMs: 10,
  stopAfterMs: 20,
  nodeAfterMs: 20,
  imageAfterMs: 10,
  loadBalancerAfterMs: 10,
};

/** Times of a small production cluster: a guest of a general-purpose Linux image on network block storage. */
export const REALISTIC_TIMES: SimulatorTimes = {
  vmiAfterMs: 500,
  runningAfterMs: 30_000,
  addressAfterMs: 10_000,
  cniAfterMs: 60_000,
  stopAfterMs: 45_000,
  nodeAfterMs: 90_000,
  imageAfterMs: 60_000,
  loadBalancerAfterMs: 1_000,
};

/** The phases of a VirtualMachineInstance that the simulator enters after Pending. */
export type BootPhase = "Scheduling" | "Scheduled" | "Running";

/** When, after the VirtualMachineInstance was made, a phase of its start is reached. Phases before Running share the time evenly. */
export function phaseAfterMs(times: SimulatorTimes, phase: BootPhase): number {
  const bootMs = Math.max(0, times.runningAfterMs - times.vmiAfterMs);
  const share = { Scheduling: 1 / 3, Scheduled: 2 / 3, Running: 1 }[phase];
  return Math.round(bootMs * share);
}
