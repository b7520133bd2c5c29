import { remediationConditions } from "#api/condition-names.ts";
import { expireRequest } from "#functions/cluster-api/remediation-expire/handler.ts";
import { expiryOf } from "#functions/cluster-api/remediation-expire/expiry.ts";
import { defineFunction } from "#functions/contract/define.ts";
import { relations } from "#functions/contract/relations.ts";
import { remediationRequestView } from "#platform/cluster-api/remediation.ts";

export const remediationExpire = defineFunction({
  name: "remediation-expire",
  summary: "Deletes a RemediationRequest that has ended, some time after its alert has",
  on: ["dev.capfn.remediation.changed", "dev.capfn.step.due"],
  for: remediationRequestView,
  related: relations(remediationRequestView),
  needs: ({ object }) => expiryOf(object) ?? false,
  inputs: ({ object }) => expiryOf(object)?.toISOString(),
  condition: remediationConditions.Remediated,
  rbac: [
    {
      api: "management",
      apiGroups: ["capfn.dev"],
      resources: ["remediationrequests"],
      verbs: ["delete"],
    },
  ],
  uses: ["management"],
  handle: expireRequest,
});
