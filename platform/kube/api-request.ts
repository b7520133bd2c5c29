import type { ResourceType } from "#platform/kube/resource.ts";
import type { Query, ResourceTarget } from "#platform/kube/resource-url.ts";

/** Verbs as RBAC and the API server's own metrics name them. */
type KubeVerb = "get" | "list" | "watch" | "create" | "update" | "patch" | "delete" | "deletecollection";

/** One request of the Kubernetes API before it becomes HTTP. */
export interface ApiRequest extends ResourceTarget {
  readonly verb: KubeVerb;
  readonly type: ResourceType;
  readonly query?: Query | undefined;
  readonly accept?: string | undefined;
  readonly contentType?: string | undefined;
  /** Sent as JSON. */
  readonly body?: unknown;
  /** May be sent again after its connection broke before an answer came. */
  readonly repeatable: boolean;
  /** A question, such as a TokenReview: nothing is changed whatever the verb. */
  readonly asks?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Asked right before a write leaves; false: it is not sent. */
  readonly mayWrite?: (() => boolean) | undefined;
  /** Sent when nothing else is to be sent. */
  readonly background?: boolean | undefined;
}

/** One HTTP request that was answered or failed. Never carries a body. */
export interface RequestInfo {
  readonly connection: string;
  readonly verb: KubeVerb;
  readonly group: string;
  /** Plural. */
  readonly resource: string;
  readonly namespace: string | undefined;
  readonly name: string | undefined;
  readonly subresource: string | undefined;
  /** From 1; a repetition after 429, 503 or a broken connection is reported on its own. */
  readonly attempt: number;
  /** HTTP status, when an answer came. */
  readonly status: number | undefined;
  /** `KubeErrorReason` or the error's name, when it failed. */
  readonly error: string | undefined;
  /** From sending to the whole answer; for a watch to its headers. Waiting for the budget is not in it. */
  readonly durationMs: number;
}

/** What an {@link Interceptor} is told about the request it surrounds. */
interface InterceptedRequest extends ResourceTarget {
  readonly connection: string;
  readonly verb: KubeVerb;
  readonly type: ResourceType;
  readonly attempt: number;
}

/** An HTTP answer. The body of a started watch is empty here: its events do not pass the interceptor. */
export interface Answer {
  readonly status: number;
  /** Value of the `Retry-After` header. */
  readonly retryAfter?: string | undefined;
  readonly body: string;
}

/**
 * Surrounds every HTTP request, for fault injection at the network edge. It may not call `send` (crash before), throw after it
 * (crash after, answer lost), or resolve to another answer. What it throws is handed on as it is; a thrown `KubeError` is treated
 * as the transport's own.
 */
export type Interceptor = (request: InterceptedRequest, send: () => Promise<Answer>) => Promise<Answer>;
