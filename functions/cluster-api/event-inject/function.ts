import { injectionConditions } from "#api/condition-names.ts";
import { takeInjection } from "#functions/cluster-api/event-inject/handler.ts";
import { defineFunction } from "#functions/contract/define.ts";
import { relations } from "#functions/contract/relations.ts";
import { findCondition } from "#platform/cluster-api/conditions.ts";
import { eventInjectionView } from "#platform/cluster-api/event-injection.ts";
import { remediationRequestView } from "#platform/cluster-api/remediation.ts";

export const eventInject = defineFunction({
  name: "event-inject",
  summary: "Makes the event of an EventInjection happen, once",
  on: ["dev.capfn.injection.changed"],
  for: eventInjectionView,
  related: relations(eventInjectionView),
  needs: ({ object }) =>
    object.meta.deletionTimestamp === undefined &&
    findCondition(object.status.conditions, injectionConditions.Taken) === undefined,
  inputs: ({ object }) => ({ spec: object.spec, conditions: object.status.conditions }),
  condition: injectionConditions.Taken,
  rbac: [
    { api: "management", apiGroups: ["capfn.dev"], resources: ["remediationrequests"], verbs: ["create"] },
    { api: "management", apiGroups: ["capfn.dev"], resources: ["eventinjections/status"], verbs: ["patch"] },
  ],
  uses: ["management"],
  writes: [remediationRequestView],
  handle: takeInjection,
});
