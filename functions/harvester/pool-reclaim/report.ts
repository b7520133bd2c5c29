import { clusterConditions, clusterReasons } from "#api/condition-names.ts";
import { isIdle } from "#functions/harvester/owner-cluster.ts";
import type { PoolView } from "#functions/harvester/pool-reclaim/pool-world.ts";
import { orphansIn } from "#functions/harvester/pool-reclaim/work.ts";
import { findCondition, type WantedCondition } from "#platform/cluster-api/conditions.ts";
import { isShort, poolUse, sharedAddresses } from "#platform/harvester/ip-pool-use.ts";
import type { IpPool } from "#platform/harvester/ip-pool.ts";
import type { Seen } from "#platform/kube/view.ts";

type Verdict = Pick<WantedCondition, "status" | "reason" | "message">;

/** Addresses or entries a message names; the rest is counted. */
const NAMED = 3;

/** What the cluster's conditions should say of its pools. Conditions that nothing was ever wrong with are not made. Pure. */
export function poolConditions(view: PoolView): readonly WantedCondition[] {
  const { object, related } = view;
  if (isIdle(object, related.cluster)) return [];
  return [
    ...stated(view, clusterConditions.AddressesAvailable, availability(view)),
    ...stated(view, clusterConditions.AddressesUnique, uniqueness(view)),
  ];
}

function availability(view: PoolView): Verdict {
  const { pools, waiting } = view.related;
  const malformed = pools.flatMap((pool) => malformation(pool));
  const short = pools.filter(isShort);
  const findings = [...malformed, ...short.map((pool) => shortage(pool, view))];
  if (waiting.length > 0) {
    const missing =
      waiting.length === 1
        ? "1 machine waits for an address: 1 address is short"
        : `${waiting.length} machines wait for an address: ${waiting.length} addresses are short`;
    return { ...exhausted, message: [missing, ...findings].join("; ") };
  }
  const message = findings.join("; ");
  if (malformed.length > 0) return { status: "False", reason: clusterReasons.IPPoolMalformed, message };
  if (short.some((pool) => poolUse(pool)?.free === 0)) return { ...exhausted, message };
  if (short.length > 0) return { status: "True", reason: clusterReasons.AddressesRunningOut, message };
  return { status: "True", reason: clusterReasons.AddressesAvailable, message: "" };
}

const exhausted = { status: "False", reason: clusterReasons.AddressesExhausted } as const;

function malformation({ meta, summary: { ranges } }: Seen<IpPool>): readonly string[] {
  return "problem" in ranges
    ? [`IPPool ${meta.name} is malformed: ${ranges.problem.field} ${ranges.problem.message}`]
    : [];
}

function shortage(pool: Seen<IpPool>, view: PoolView): string {
  const name = `IPPool ${pool.meta.name}`;
  const state =
    poolUse(pool)?.free === 0
      ? `${name} has no free address; widen spec.ranges, or name a further pool`
      : `${name} has hardly any free address`;
  const kept = leftToAPerson(pool, view);
  return kept === undefined ? state : `${state} (${kept})`;
}

/** What of the pool looks left over and is not taken back, and why. */
function leftToAPerson(pool: Seen<IpPool>, view: PoolView): string | undefined {
  const { leaks, why } = orphansIn(pool, view);
  if (leaks.length === 0) return undefined;
  const addresses = list(leaks.map(({ address }) => address));
  switch (why) {
    case "vm": {
      const names = list(leaks.map(({ holder }) => holder.name));
      return `${addresses} would be taken back, but VM ${names} still exists in ${view.object.spec.targetNamespace}; its machine does not: delete it if nobody needs it`;
    }
    case "shared":
      return `other management clusters use it too, so ${addresses}, whose machines do not exist here, must be taken out by hand`;
    case "unknown":
      return `it is unknown who uses it, so ${addresses}, whose machines do not exist here, must be taken out by hand`;
  }
}

function uniqueness({ related }: PoolView): Verdict {
  const shared = sharedAddresses(related.pools);
  if (shared.length === 0) return { status: "True", reason: clusterReasons.AddressesUnique, message: "" };
  const findings = shared.map(({ address, holders }) => `${address} is held by ${holders.join(" and by ")}`);
  const message = `${list(findings)}; take out the entry whose machine does not use the address`;
  return { status: "False", reason: clusterReasons.AddressHeldTwice, message };
}

function stated(view: PoolView, type: string, verdict: Verdict): readonly WantedCondition[] {
  const { meta, status } = view.object;
  const isFine = verdict.message === "";
  if (isFine && findCondition(status.conditions, type) === undefined) return [];
  const { generation } = meta;
  return [{ type, ...verdict, ...(generation !== undefined && { observedGeneration: generation }) }];
}

function list(items: readonly string[]): string {
  const rest = items.length - NAMED;
  const named = items.slice(0, NAMED).join(", ");
  return rest > 0 ? `${named} and ${rest} more` : named;
}
