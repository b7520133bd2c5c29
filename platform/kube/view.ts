import type * as z from "zod";
import type { ResourceType } from "#platform/kube/resource.ts";

/** Which API server an object lives in: `management`, `harvester/<ns>/<secret>`, `workload/<ns>/<cluster>`, or `hub` for the hub's own. */
export type Connection = string;

export const MANAGEMENT: Connection = "management";

/** The Harvester API reached with the kubeconfig of this identity Secret. */
export function harvesterConnection(identity: {
  readonly namespace: string;
  readonly name: string;
}): Connection {
  return `harvester/${identity.namespace}/${identity.name}`;
}

/** The workload API of this Cluster, reached with the Secret `<cluster>-kubeconfig` (Cluster API contract for kubeconfig Secrets). */
export function workloadConnection(cluster: {
  readonly namespace: string;
  readonly name: string;
}): Connection {
  return `workload/${cluster.namespace}/${cluster.name}`;
}

/**
 * The fields of one resource that functions look at. The schema strips everything else, so the index holds only what is named here;
 * it must accept its own output, because the same schema reads a snapshot that came over the wire.
 */
export interface ResourceView<P> {
  readonly type: ResourceType;
  readonly schema: z.ZodType<P>;
  /**
   * The kind may not be installed. It is watched only while something looks at it, and that it is not served is no fault: nothing of the kind is
   * known then, and nothing else is held up.
   */
  readonly mayBeMissing?: boolean;
  /** Watched as metadata only. For Secrets: their content must not be held. */
  readonly metadataOnly?: boolean;
  /** Further ways to look objects up, as values per index, e.g. a Node by `address`. Pure; an object may have several values. */
  indexes?(object: Seen<P>): Readonly<Record<string, readonly string[]>>;
  /** For an object that can fall ill: whether it is well. That it is not any more is an event of its own. Pure. */
  isWell?(object: Seen<P>): boolean;
  /** For an object that gives places to many others, such as the addresses of an IPPool. Pure, and cheap however often it is asked. */
  places?(object: Seen<P>): Places;
}

/** What an object has to give to those who wait for a place of it. */
export interface Places {
  /** How many places are free at least; 0 only when there is none. */
  readonly free: number;
  /** Digest or text of all else that decides who may have one. It stays the same while places are taken and given back. */
  readonly terms: string;
}

/** Identity and version of an object as it was seen. */
export interface SeenMeta {
  readonly connection: Connection;
  readonly namespace?: string | undefined;
  readonly name: string;
  readonly uid: string;
  readonly resourceVersion: string;
  readonly generation?: number | undefined;
  /** RFC 3339; set when deletion has been asked for. */
  readonly deletionTimestamp?: string | undefined;
  readonly creationTimestamp?: string | undefined;
}

/** One object as the index holds it: identity plus the fields its view names. */
export type Seen<P> = P & { readonly meta: SeenMeta };

/** Exact reference to an object that may or may not exist. */
export interface ObjectRef {
  readonly connection: Connection;
  readonly namespace?: string | undefined;
  readonly name: string;
}
