import * as z from "zod";
import { conditionSchema } from "#api/condition.ts";
import type { Deps } from "#functions/contract/deps.ts";
import {
  controlPlaneProvider,
  OWNER_REMEDIATED_CONDITION,
  type Machine,
} from "#platform/cluster-api/cluster.ts";
import { findCondition, mergeConditions } from "#platform/cluster-api/conditions.ts";
import { machines } from "#platform/kube/resources.ts";
import type { Seen } from "#platform/kube/view.ts";

const REASON = "WaitingForRemediation";

const statusSchema = z.looseObject({
  status: z
    .looseObject({
      conditions: z.array(conditionSchema).default([]),
      deprecated: z
        .looseObject({
          v1beta1: z
            .looseObject({ conditions: z.array(z.looseObject({ type: z.string() })).default([]) })
            .prefault({}),
        })
        .prefault({}),
    })
    .prefault({}),
});

/** What the provider that was asked to replace the Machine says; undefined when none was. */
export function ownersAnswer(machine: Seen<Machine>): string | undefined {
  const provider = controlPlaneProvider(machine);
  const asked = machine.status.conditions.find(({ type }) => type === OWNER_REMEDIATED_CONDITION);
  return provider === undefined || asked?.status !== "False"
    ? undefined
    : `${provider} has not replaced the Machine: ${asked.reason}`;
}

/**
 * Asks the control plane provider that owns the Machine to replace it: it knows the state of etcd, moves leadership away, removes the member
 * and waits with a second machine. The condition is the one a MachineHealthCheck without `templateRef` would set (Cluster API,
 * "MachineHealthCheck", control planes); in both spellings, because providers of the contract v1beta1 read the older one. A provider that was
 * asked before has answered there, so nothing is written over it. It takes the condition away itself when the Machine is well again.
 */
export async function askOwner({ meta }: Seen<Machine>, deps: Deps): Promise<void> {
  const { namespace, name, uid } = meta;
  const object = await deps.management.get(machines, { namespace, name });
  if (object?.metadata.uid !== uid || object.metadata.deletionTimestamp !== undefined) return;
  const { conditions, deprecated } = statusSchema.parse(object).status;
  if (findCondition(conditions, OWNER_REMEDIATED_CONDITION)?.status === "False") return;
  const type = OWNER_REMEDIATED_CONDITION;
  const wanted = { type, status: "False", reason: REASON, message: "Waiting for remediation" } as const;
  const merged = mergeConditions(conditions, [wanted], deps.now());
  const since = findCondition(merged, type)?.lastTransitionTime;
  const older = { type, status: "False", severity: "Warning", reason: REASON, lastTransitionTime: since };
  const others = deprecated.v1beta1.conditions.filter((condition) => condition.type !== type);
  await deps.management.mergePatch(
    machines,
    { namespace, name },
    {
      metadata: { resourceVersion: object.metadata.resourceVersion },
      status: { conditions: merged, deprecated: { v1beta1: { conditions: [...others, older] } } },
    },
    { subresource: "status" },
  );
}
