import { machineReasons } from "#api/condition-names.ts";
import type { PoolRanges, RangeProblem } from "#platform/harvester/ip-pool-ranges.ts";
import type { IpPool } from "#platform/harvester/ip-pool.ts";
import type { Seen } from "#platform/kube/view.ts";

/** What one of the pools a machine may take its address from can do for it. */
export type PoolVerdict = { readonly name: string } & (
  | { readonly state: "free" | "exhausted" }
  /** Does not exist, or is being deleted. */
  | { readonly state: "absent" }
  /** Serves another network than the machine's. */
  | { readonly state: "otherNetwork"; readonly network: string }
  | { readonly state: "malformed"; readonly problem: RangeProblem }
);

/** Whether a pool in this state could serve the machine, now or later, as it is. */
export function isUsable(state: PoolVerdict["state"]): boolean {
  return state === "free" || state === "exhausted";
}

/** Why a machine has no address, in the words of the condition `VMIPAllocated`. */
export interface NoAddress {
  readonly reason: string;
  readonly message: string;
  /** Time and other machines will help; otherwise a pool or the machine's spec has to be mended. */
  readonly passing: boolean;
}

/** Judges the pools named, in the order named. Absent ones must be absent from a complete list. */
export function judgePools(
  names: readonly string[],
  pools: readonly Seen<IpPool>[],
  networks: readonly string[],
): readonly PoolVerdict[] {
  return names.map((name) => {
    const pool = pools.find(({ meta }) => meta.name === name);
    return pool === undefined ? { name, state: "absent" } : judgePool(pool, networks);
  });
}

/** Judges one pool for a machine attached to these networks. */
function judgePool(pool: Seen<IpPool>, networks: readonly string[]): PoolVerdict {
  const use = useOf(pool, networks);
  if (use.state !== "usable") return use;
  return { name: use.name, state: pool.summary.free > 0 ? "free" : "exhausted" };
}

/** The pool's ranges, if it is specified so that it could serve a machine attached to these networks. */
export function usableRanges(pool: Seen<IpPool>, networks: readonly string[]): PoolRanges | undefined {
  const use = useOf(pool, networks);
  return use.state === "usable" ? use.ranges : undefined;
}

type Use =
  | Exclude<PoolVerdict, { state: "free" | "exhausted" }>
  | { readonly name: string; readonly state: "usable"; readonly ranges: PoolRanges };

function useOf(pool: Seen<IpPool>, networks: readonly string[]): Use {
  const { name, deletionTimestamp } = pool.meta;
  if (deletionTimestamp !== undefined) return { name, state: "absent" };
  const { network } = pool.spec.selector;
  if (network !== undefined && network !== "" && !networks.some((own) => sameNetwork(own, network))) {
    return { name, state: "otherNetwork", network };
  }
  const read = pool.summary.ranges;
  return "problem" in read
    ? { name, state: "malformed", problem: read.problem }
    : { name, state: "usable", ranges: read.pool };
}

/** Why none of the pools gives an address; undefined when one of them has a free one. */
export function whyNoAddress(
  verdicts: readonly PoolVerdict[],
  networks: readonly string[],
): NoAddress | undefined {
  if (verdicts.some(({ state }) => state === "free")) return undefined;
  const findings = verdicts.map((verdict) => describe(verdict)).join("; ");
  if (verdicts.some(({ state }) => state === "exhausted")) {
    return {
      reason: machineReasons.VMIPPoolExhausted,
      message: `no IPPool has a free address: ${findings}`,
      passing: true,
    };
  }
  const network = verdicts.some(({ state }) => state === "otherNetwork")
    ? `; the machine's spec.networks: ${networks.join(", ")}`
    : "";
  return {
    reason: machineReasons.VMIPAllocationFailed,
    message: `no IPPool can be used: ${findings}${network}`,
    passing: false,
  };
}

/**
 * Whether two names of a VM network may mean the same one. `namespace/name` must be equal; when one side leaves the namespace out, the
 * names decide.
 */
function sameNetwork(left: string, right: string): boolean {
  if (left.includes("/") && right.includes("/")) return left === right;
  return nameOf(left) === nameOf(right);
}

function describe(verdict: PoolVerdict): string {
  switch (verdict.state) {
    case "free":
      return `${verdict.name} has free addresses`;
    case "exhausted":
      return `${verdict.name} is exhausted`;
    case "absent":
      return `${verdict.name} does not exist`;
    case "otherNetwork":
      return `${verdict.name} serves network ${verdict.network} only (spec.selector.network)`;
    case "malformed":
    default:
      return `${verdict.name} is malformed: ${verdict.problem.field} ${verdict.problem.message}`;
  }
}

function nameOf(network: string): string {
  return network.slice(network.lastIndexOf("/") + 1);
}
