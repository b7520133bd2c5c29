import type { KubeObject, NewObject, ObjectName, ResourceType } from "#platform/kube/resource.ts";

/** Reads of one API server. Every read without options is a quorum read. */
export interface KubeReader {
  /** Name of the connection, e.g. `management`, `harvester/<ns>/<secret>`, `workload/<ns>/<cluster>`. */
  readonly connection: string;
  /**
   * The object, or undefined when the API server says it is not found. Other failures throw {@link KubeError}, also a 404 that is
   * not about the object: an API that is not installed, a proxy's page.
   */
  get(type: ResourceType, name: ObjectName, options?: RequestOptions): Promise<KubeObject | undefined>;
  /**
   * All objects, page after page. When a page expires meanwhile the list starts once more from its beginning: an object may then
   * come twice, or have been deleted since it came. Consumers must not be harmed by either.
   */
  list(type: ResourceType, options?: ListOptions): AsyncIterable<KubeObject>;
}

/** Writes of one API server. All throw {@link KubeError}; a write after `signal` aborted is refused before it is sent. */
export interface KubeWriter {
  create(type: ResourceType, object: NewObject, options?: CreateOptions): Promise<KubeObject>;
  /** PUT of the whole object; `metadata.resourceVersion` in it is the precondition. */
  replace(type: ResourceType, object: KubeObject, options?: RequestOptions): Promise<KubeObject>;
  /** Deletes under a uid precondition. Resolves to false when the object is absent or has another uid. */
  delete(type: ResourceType, name: ObjectName, options: DeleteOptions): Promise<boolean>;
  /**
   * Deletes every object of one namespace that carries all these labels, in one request. For what we made and labelled with the owner's
   * uid: the labels name the owner, so a namesake of another owner cannot be hit.
   */
  deleteCollection(type: ResourceType, options: DeleteCollectionOptions): Promise<void>;
  /** `application/merge-patch+json`; put `metadata.resourceVersion` in the patch for compare-and-set. */
  mergePatch(
    type: ResourceType,
    name: ObjectName,
    patch: Record<string, unknown>,
    options?: PatchOptions,
  ): Promise<KubeObject>;
  /** `application/json-patch+json`; a failed `test` operation is a `conflict` or `invalid` error. */
  jsonPatch(
    type: ResourceType,
    name: ObjectName,
    operations: JsonPatchOperation[],
    options?: PatchOptions,
  ): Promise<KubeObject>;
  /** Server-side apply; creates the object when it is absent. */
  apply(type: ResourceType, object: NewObject, options: ApplyOptions): Promise<KubeObject>;
  /**
   * A token of a ServiceAccount for the API server's own audience (authentication.k8s.io/v1 TokenRequest). Nothing is stored there: the token ends at
   * its time, or when the ServiceAccount is deleted.
   */
  requestToken(account: ObjectName, options: TokenOptions): Promise<IssuedToken>;
}

export interface TokenOptions extends RequestOptions {
  /** Wanted life, seconds; at least 600. The API server may give less, or more. */
  readonly expirationSeconds: number;
}

/** A bearer token that ends. Never to be logged, announced or kept. */
export interface IssuedToken {
  readonly token: string;
  /** When it ends, RFC 3339: what the API server gave, not what was asked for. */
  readonly expires: string;
}

/** Questions to one API server that it answers and does not store. */
export interface KubeReviewer {
  /** See {@link KubeReader.connection}. */
  readonly connection: string;
  /** The answer to a TokenReview or the like, as JSON. Throws {@link KubeError}. */
  review(type: ResourceType, question: unknown, options?: RequestOptions): Promise<unknown>;
}

export interface KubeClient extends KubeReader, KubeWriter, KubeReviewer {
  watch(type: ResourceType, options: WatchOptions): AsyncIterable<WatchEvent>;
  close(): void;
}

export interface RequestOptions {
  readonly signal?: AbortSignal | undefined;
  /** Asked right before a write leaves; false: it is not sent, because whoever wants it may not act any more. Reads are not asked about. */
  readonly mayWrite?: (() => boolean) | undefined;
}

export interface CreateOptions extends RequestOptions {
  /** Nobody waits for it: it is sent when nothing else is to be sent. */
  readonly background?: boolean | undefined;
}

export interface ListOptions extends RequestOptions {
  readonly namespace?: string | undefined;
  readonly labelSelector?: string | undefined;
  readonly fieldSelector?: string | undefined;
  /** Objects a page; 500 by default. */
  readonly limit?: number | undefined;
}

export interface DeleteOptions extends RequestOptions {
  /** Mandatory: what is deleted is this object, never its namesake. */
  readonly uid: string;
  readonly propagation?: "Background" | "Foreground" | "Orphan" | undefined;
}

export interface DeleteCollectionOptions extends RequestOptions {
  readonly namespace: string;
  /** At least one label, all must match; an empty set is refused before it is sent. */
  readonly labels: Readonly<Record<string, string>>;
  /** 0: at once, without waiting for what runs. The objects' own grace period when left out. */
  readonly gracePeriodSeconds?: number | undefined;
}

export interface PatchOptions extends RequestOptions {
  readonly subresource?: "status" | "approval" | undefined;
  readonly fieldManager?: string | undefined;
  /** Nothing is kept: the API server answers as it would. */
  readonly dryRun?: boolean | undefined;
}

export interface ApplyOptions extends PatchOptions {
  readonly fieldManager: string;
  readonly force?: boolean | undefined;
}

export interface JsonPatchOperation {
  readonly op: "add" | "remove" | "replace" | "test";
  readonly path: string;
  readonly value?: unknown;
}

export interface WatchOptions {
  readonly namespace?: string | undefined;
  readonly labelSelector?: string | undefined;
  readonly fieldSelector?: string | undefined;
  /** Metadata only (`PartialObjectMetadata`): for Secrets, whose content must not be held. */
  readonly metadataOnly?: boolean | undefined;
  /** Start not older than this resourceVersion; the index never goes back in time. */
  readonly notOlderThan?: string | undefined;
  /** Only if the API server streams the list: the watch ends at once, without an event, rather than ask for a list page by page. */
  readonly streamedListOnly?: boolean | undefined;
  /** Ends the watch, also while it waits. */
  readonly signal: AbortSignal;
}

/** Why a complete list begins. Finite, because it labels a metric: what differs from one time to the next, such as a version, is not in it. */
export type RelistReason =
  /** The watch has just been opened. */
  | "start"
  /** The resourceVersion to resume from, or a list between two of its pages, has expired (410). */
  | "expired"
  /** The watch could not be read on. */
  | "unreadable"
  /** The storage went back in time, as after a restore from a backup. */
  | "rewound";

/**
 * What a watch yields, for ever, until its signal aborts. Failures do not end it: they are yielded as `disrupted` (for
 * conditions and counters) and it goes on by itself. The consumer pulls, so a slow consumer is back-pressure.
 */
export type WatchEvent =
  /** `manager`: who wrote last by `metadata.managedFields`, which the object itself no longer carries. */
  | {
      readonly type: "added" | "modified";
      readonly object: KubeObject;
      readonly manager?: string | undefined;
    }
  | { readonly type: "deleted"; readonly object: KubeObject }
  /**
   * A complete list begins: what is not repeated as `added` before `synced` no longer exists. Follows the start, a 410, and a
   * watch that could not be resumed. Another `relist` before `synced` voids what came since the first. A `deleted` before `synced`
   * takes back an `added` of the same list. `rewound`: the storage was set back, as after a restore from a backup, so this list may
   * be older than what was seen before.
   */
  | { readonly type: "relist"; readonly reason: RelistReason; readonly rewound?: boolean }
  /** The list is complete at this resourceVersion. */
  | { readonly type: "synced"; readonly resourceVersion: string }
  /** Nothing changed, but the API server is alive and at this resourceVersion. */
  | { readonly type: "bookmark"; readonly resourceVersion: string }
  | { readonly type: "disrupted"; readonly error: Error; readonly retryInMs: number };
