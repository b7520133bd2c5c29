import * as z from "zod";

import { KubeError } from "#platform/kube/errors.ts";
import type { KubeErrorDetail, KubeErrorReason } from "#platform/kube/errors.ts";
import type { ResourceType } from "#platform/kube/resource.ts";

/** `metav1.Status` as far as a decision depends on it. */
export const apiStatusSchema = z.looseObject({
  kind: z.literal("Status"),
  message: z.string().optional(),
  reason: z.string().optional(),
  code: z.number().optional(),
  details: z
    .looseObject({
      causes: z
        .array(z.looseObject({ reason: z.string().optional(), field: z.string().optional() }))
        .optional(),
      retryAfterSeconds: z.number().optional(),
    })
    .optional(),
});

export type ApiStatus = z.infer<typeof apiStatusSchema>;

/** A refused request: its HTTP status and, when the body was one, its `Status`. */
export interface Refusal {
  readonly code: number;
  readonly status: ApiStatus | undefined;
  readonly retryAfterMs: number | undefined;
}

/** Where the refusal happened, for the message: `management: get secrets ns/name`. */
export interface RefusalContext {
  readonly connection: string;
  readonly what: string;
  readonly type: ResourceType;
}

/** The API server has two wordings, from before and from within the storage transaction. */
const uidPrecondition = /UID in (the )?precondition/;

const LONGEST_MESSAGE = 1024;

/** Reads the `Status` out of an error body; undefined when the body is something else, e.g. a proxy's HTML page. */
export function parseApiStatus(body: string): ApiStatus | undefined {
  try {
    return apiStatusSchema.safeParse(JSON.parse(body)).data;
  } catch {
    return undefined;
  }
}

/** The refusal as one {@link KubeError}. */
export function refusalError(context: RefusalContext, refusal: Refusal): KubeError {
  const { code, status, retryAfterMs } = refusal;
  const { reason, detail } = classify(code, status);
  const said = status === undefined ? withoutStatus(code) : describe(context.type, status);
  return new KubeError({
    reason,
    detail,
    status: code,
    retryAfterMs,
    dependency: context.connection,
    message: `${context.connection}: ${context.what}: HTTP ${code}: ${said}`,
  });
}

function classify(
  code: number,
  status: ApiStatus | undefined,
): { reason: KubeErrorReason; detail?: KubeErrorDetail } {
  switch (code) {
    case 400:
    case 405:
    case 406:
    case 413:
    case 415:
    case 422:
      return { reason: "invalid" };
    case 401:
      return { reason: "unauthorized" };
    case 403:
      return { reason: "forbidden" };
    case 404:
      // "404 page not found" of an API that is not installed, or a proxy's page, must never pass for "the object is gone".
      return status?.reason === "NotFound"
        ? { reason: "notFound" }
        : { reason: "unavailable", detail: "notServed" };
    case 408:
      return { reason: "timeout" };
    case 409:
      if (status?.reason === "AlreadyExists") return { reason: "alreadyExists" };
      return uidPrecondition.test(status?.message ?? "")
        ? { reason: "conflict", detail: "uidMismatch" }
        : { reason: "conflict" };
    case 410:
      return { reason: "gone" };
    case 429:
      return { reason: "tooMany" };
    default:
      if (isVersionTooLarge(status)) return { reason: "unavailable", detail: "versionTooLarge" };
      return { reason: code >= 400 && code < 500 ? "invalid" : "unavailable" };
  }
}

function isVersionTooLarge(status: ApiStatus | undefined): boolean {
  return (
    status?.details?.causes?.some((cause) => cause.reason === "ResourceVersionTooLarge") === true ||
    status?.message?.includes("Too large resource version") === true
  );
}

function withoutStatus(code: number): string {
  return code === 404
    ? "not a Kubernetes Status: the resource type is not served (is its CRD installed?) or the server URL does not lead to an API server"
    : "the answer is not a Kubernetes Status; it may come from a proxy in between";
}

/** The API server quotes the refused object in some messages; of what holds a secret, or may, only the fields at fault are repeated. */
function describe(type: ResourceType, status: ApiStatus): string {
  const isSecret = type.group === "" && ["secrets", "configmaps"].includes(type.plural);
  if (isSecret || type.plural === "tokenreviews") {
    const fields = status.details?.causes?.flatMap((cause) => cause.field ?? []) ?? [];
    return [status.reason ?? "refused", ...fields].join(" ");
  }
  return (status.message ?? status.reason ?? "refused without a message").slice(0, LONGEST_MESSAGE);
}
