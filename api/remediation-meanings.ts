import type { ConditionMeaning } from "#api/condition-meanings.ts";
import type {
  injectionConditions,
  injectionReasons,
  RemediationReason,
  remediationConditions,
} from "#api/condition-names.ts";

/** Of a RemediationRequest and a MachineRemediation. */
export const remediationMeanings: Readonly<
  Record<keyof typeof remediationConditions, ConditionMeaning<RemediationReason>>
> = {
  TargetResolved: {
    meaning: "It is known which machine is meant.",
    reasons: {
      MachineFound: "It is.",
      NothingToGoBy: "The alert names no machine, Node or instance.",
      NoSuchMachine: "What it names belongs to no Machine.",
      Ambiguous: "What it names belongs to several.",
      Contradictory: "What it names belongs to different ones.",
      ForeignNamespace: "The machine is in another namespace than the request, which may not reach there.",
    },
  },
  RemediationAllowed: {
    meaning: "A step may be taken now.",
    reasons: {
      Allowed: "It may.",
      Maintenance: "The cluster or the machine is paused, or marked as under maintenance.",
      Cooldown: "The machine had a step a short time ago.",
      StartedRecently: "The machine has just come up.",
      AnotherRemediation: "Another request has the machine.",
      ClusterUnreachable: "The workload cluster does not answer, so nothing is known of its Nodes.",
      RemediationStorm: "Too many requests at once: the cause is probably not the machines.",
      TooManyUnhealthy: "Too many machines of the group are ill.",
      ControlPlaneBusy: "Another machine of the control plane is under remediation.",
      EtcdQuorumAtRisk: "Without the machine etcd would lose its quorum.",
      HealthUnknown: "The health of etcd or of the control plane cannot be told.",
      WaitingForHealthCheck: "A MachineHealthCheck has the machine.",
    },
  },
  Remediated: {
    meaning: "The machine is well again; the reason says how far it is.",
    reasons: {
      InProgress: "A step was taken; the machine is to come back.",
      Healthy: "It is well.",
      NotNeeded: "It was well when it was looked at.",
      Escalated: "All steps are used up: a person must look.",
      AlertEnded: "The alert ended before a step.",
      MachineDeleted: "The machine is being deleted, or is gone.",
      DryRun: "The step is named, and not taken.",
    },
  },
};

/** Of an EventInjection. */
export const injectionMeanings: Readonly<
  Record<keyof typeof injectionConditions, ConditionMeaning<keyof typeof injectionReasons>>
> = {
  Taken: {
    meaning: "The event has happened.",
    reasons: {
      EventTaken: "It has; what it woke looks for itself.",
      UnknownEventType: "The catalogue has no such type; `capfn events list` has all.",
      UnknownKind: "No function is for objects of that kind.",
      ForeignNamespace: "The object is in another namespace than the injection, which may not reach there.",
      UnfitEventData: "The data do not fit the type; the message names the field.",
    },
  },
};
