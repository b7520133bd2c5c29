/** A kind whose objects the rules judge. */
export type JudgedKind =
  | "HarvesterCluster"
  | "HarvesterClusterTemplate"
  | "HarvesterMachine"
  | "HarvesterMachineTemplate";

/**
 * One rule of admission, judged in the API server itself (Kubernetes documentation, "Validating Admission Policy"). Expressions are CEL. They
 * know `spec`, which for a template is the `spec` of what is made from it, and `object`. They must be total: an error refuses the object
 * without a word about a field.
 */
export interface AdmissionRule {
  /** Unique among the rules of a kind; a CEL identifier, in lower camel case. */
  readonly name: string;
  readonly kinds: readonly JudgedKind[];
  /** What the rule is about, below `spec`: `memory`, `volumes[].volumeSize`. Empty for the whole spec. Every message begins with it. */
  readonly field: string;
  /**
   * - `text`: the string in `field`, known as `value`, whenever the object it stands in is given. One that is missing is empty. What a
   *   template holds may be empty: a ClusterClass patches it.
   * - `optional text`: the same, and it may be empty everywhere.
   * - `value`: one judgement on the spec.
   * - `entries`: each entry of the list in `field`, known as `item`.
   * - `change`: an update, of which the expression also knows `old`, the `spec` before, and `oldObject`.
   */
  readonly judges: "text" | "optional text" | "value" | "entries" | "change";
  /** Of `entries`: what is compared among them, CEL on `item`. The expression knows that of its own as `own`, of all as `every`. */
  readonly compares?: string;
  /** True when the rule is kept. */
  readonly holds: string;
  /** What is wrong, said after the field. Text in `{{ }}` is CEL that gives a string. Of `text` it is what a value that is not empty is. */
  readonly problem: string;
  /** What to do. May hold `{{ }}` as well. */
  readonly mend: string;
}

/** Judged where it is acted upon only: a template may lack what a ClusterClass patches in. */
export const clusters = ["HarvesterCluster"] as const;
/** See {@link clusters}. */
export const machines = ["HarvesterMachine"] as const;
/** What is given must make sense in a template too. */
export const clustersAndTemplates = ["HarvesterCluster", "HarvesterClusterTemplate"] as const;
/** See {@link clustersAndTemplates}. */
export const machinesAndTemplates = ["HarvesterMachine", "HarvesterMachineTemplate"] as const;
