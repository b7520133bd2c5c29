import { defaultPolicy } from "#events/hub/policy.ts";
import { memoryLedger } from "#events/sources/memory-ledger.ts";
import { startOperator, type Operator, type OperatorOptions } from "#events/start.ts";
import { createKubeClient } from "#platform/kube/rest.ts";
import { systemClock } from "#platform/process/clock.ts";

type Wanted = Pick<OperatorOptions, "management" | "functions"> &
  Partial<OperatorOptions> & { readonly namespace?: string | undefined };

/** An operator of some functions on real API servers, with the product's policy, a ledger in memory, and nobody who counts or listens. */
export function operatorWith({ namespace, ...wanted }: Wanted): Promise<Operator> {
  const clock = systemClock();
  return startOperator({
    clock,
    random: () => 0.5,
    policy: defaultPolicy,
    ledger: memoryLedger(),
    clusterId: "test",
    version: "test",
    connect: (config) => createKubeClient(config, { clock }),
    observe: () => undefined,
    count: () => undefined,
    dropped: () => undefined,
    dispatch: true,
    ...(namespace !== undefined && { shard: { namespaces: [namespace] } }),
    ...wanted,
  });
}
