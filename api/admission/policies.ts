import { changeRules } from "#api/admission/change-rules.ts";
import { clusterRules } from "#api/admission/cluster-rules.ts";
import { machineRules } from "#api/admission/machine-rules.ts";
import type { AdmissionRule, JudgedKind } from "#api/admission/rule.ts";

/** All rules for one kind, judged together so that one answer names every violation. */
export interface AdmissionPolicy {
  readonly kind: JudgedKind;
  /** Name of the policy and of its binding. */
  readonly name: string;
  /** Where in an object of the kind the `spec` stands that the rules speak of. */
  readonly specPath: "spec" | "spec.template.spec";
  readonly rules: readonly AdmissionRule[];
}

const all = [...clusterRules, ...machineRules, ...changeRules];

/** One policy a kind. */
export const admissionPolicies: readonly AdmissionPolicy[] = (
  [
    ["HarvesterCluster", "capfn-harvesterclusters", "spec"],
    ["HarvesterClusterTemplate", "capfn-harvesterclustertemplates", "spec.template.spec"],
    ["HarvesterMachine", "capfn-harvestermachines", "spec"],
    ["HarvesterMachineTemplate", "capfn-harvestermachinetemplates", "spec.template.spec"],
  ] as const
).map(([kind, name, specPath]) => ({
  kind,
  name,
  specPath,
  rules: all.filter(({ kinds }) => kinds.includes(kind)),
}));
