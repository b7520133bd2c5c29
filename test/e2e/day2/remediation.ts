import { NAMESPACE } from "#cli/demo/stage.ts";
import { remediationRequestSchema, type RemediationRequest } from "#api/remediation-request.ts";
import type { RemediationStatus } from "#api/remediation.ts";
import { remediationRequests } from "#platform/kube/resources.ts";
import type { ResourceType } from "#platform/kube/resource.ts";
import { machines } from "#platform/kube/resources.ts";
import { instanceOf } from "#test/e2e/day2/machines.ts";
import { all } from "#test/e2e/day2/objects.ts";
import type { Day2 } from "#test/e2e/day2/stage.ts";
import { until } from "#test/e2e/until.ts";

export const machineHealthChecks: ResourceType = {
  ...machines,
  kind: "MachineHealthCheck",
  plural: "machinehealthchecks",
};

/** The RemediationRequests of the stage. */
export async function requests({ lab }: Pick<Day2, "lab">): Promise<RemediationRequest[]> {
  return (await all(lab.client.management, remediationRequests)).map((each) =>
    remediationRequestSchema.parse(each),
  );
}

/** Status of the request as soon as it is in this phase. Throws when it ends in another one. */
export function phase(stage: Pick<Day2, "lab">, name: string, wanted: string): Promise<RemediationStatus> {
  return until(`remediationrequest ${name} is ${wanted}`, async () => {
    const found = await stage.lab.client.management.get(remediationRequests, { namespace: NAMESPACE, name });
    const status = found && remediationRequestSchema.parse(found).status;
    if (status?.phase === wanted) return status;
    if (status?.phase === "Escalated")
      throw new Error(`${name} is Escalated: ${JSON.stringify(status.steps)}`);
    return undefined;
  });
}

/** Reason of a condition. */
export function why({ conditions }: RemediationStatus, type: string): string | undefined {
  return conditions?.find((each) => each.type === type)?.reason;
}

/** uid of the VM's instance once it is another one than this. */
export function anotherInstance(
  stage: Pick<Day2, "lab">,
  name: string,
  before: string | undefined,
): Promise<string> {
  return until(`another instance of ${name} runs`, async () => {
    const now = await instanceOf(stage, name);
    return now === before ? undefined : now;
  });
}
