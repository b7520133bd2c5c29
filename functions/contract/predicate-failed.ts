import type { Edge } from "#functions/contract/edge.ts";

/** A relation, predicate, key or inputs threw: an error of the function for this object. Says what was looked at until then all the same. */
export class PredicateFailed extends Error {
  override readonly name = "PredicateFailed";
  readonly edges: readonly Edge[];

  constructor(cause: unknown, edges: readonly Edge[]) {
    super(cause instanceof Error ? cause.message : String(cause), { cause });
    this.edges = edges;
  }
}
