/** Where functions run. */
export const runners = ["in-process", "knative", "keda"] as const;
export type Runner = (typeof runners)[number];

/** What a person asks of the suite. */
export interface ClusterOptions {
  readonly runner: Runner;
  /** A cluster that is there; a kind cluster is made without. */
  readonly kubeconfig: string | undefined;
  /** An image of capfn that the cluster of `kubeconfig` can pull. */
  readonly image: string | undefined;
  /** Leave everything as it is in the end. */
  readonly keep: boolean;
}
