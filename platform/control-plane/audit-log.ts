import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";
import * as z from "zod";

/** One finished request as the API server's audit log tells it. */
export interface AuditedRequest {
  readonly user: string;
  /** `get`, `list`, `watch`, `create`, `update`, `patch`, `delete`, `deletecollection`; for URLs that are no resource the method. */
  readonly verb: string;
  /** Undefined for URLs that are no resource, such as `/readyz` or discovery. */
  readonly resource: string | undefined;
  readonly subresource: string | undefined;
  /** `""` is the core group. */
  readonly apiGroup: string;
  readonly namespace: string | undefined;
  readonly name: string | undefined;
  /** Path and query as they were asked for. */
  readonly requestUri: string;
  /** HTTP status. */
  readonly code: number;
  readonly stage: string;
  /** When it arrived and when it was answered, milliseconds since the epoch. The log has microseconds; this is rounded down. */
  readonly receivedAt: number;
  readonly completedAt: number;
  readonly userAgent: string;
}

/** The fields of an `audit.k8s.io/v1` Event at level Metadata that are read here. */
const auditEventSchema = z.looseObject({
  stage: z.string(),
  verb: z.string(),
  requestURI: z.string(),
  user: z.looseObject({ username: z.string().default("") }),
  userAgent: z.string().default(""),
  objectRef: z
    .looseObject({
      resource: z.string().optional(),
      subresource: z.string().optional(),
      apiGroup: z.string().optional(),
      namespace: z.string().optional(),
      name: z.string().optional(),
    })
    .optional(),
  responseStatus: z.looseObject({ code: z.number().default(0) }).optional(),
  requestReceivedTimestamp: z.string(),
  stageTimestamp: z.string(),
});

/**
 * The requests in an audit log, oldest answer first. A request is written just after its answer was sent, so the newest may be
 * missing for some milliseconds. An unfinished last line is left out.
 */
export async function* readAuditLog(path: string): AsyncGenerator<AuditedRequest> {
  for await (const line of createInterface({ input: createReadStream(path, "utf8"), crlfDelay: Infinity })) {
    if (!line.endsWith("}")) continue;
    const event = auditEventSchema.parse(JSON.parse(line));
    yield {
      user: event.user.username,
      verb: event.verb,
      resource: event.objectRef?.resource,
      subresource: event.objectRef?.subresource,
      apiGroup: event.objectRef?.apiGroup ?? "",
      namespace: event.objectRef?.namespace,
      name: event.objectRef?.name,
      requestUri: event.requestURI,
      code: event.responseStatus?.code ?? 0,
      stage: event.stage,
      receivedAt: Date.parse(event.requestReceivedTimestamp),
      completedAt: Date.parse(event.stageTimestamp),
      userAgent: event.userAgent,
    };
  }
}

/** Which requests count. */
export interface RequestFilter {
  readonly user?: string;
  /** Received at or after this time, milliseconds since the epoch. */
  readonly since?: number;
  /** Received before this time, milliseconds since the epoch. */
  readonly until?: number;
  /** Leave out `watch`, and the lists that start one are kept. */
  readonly excludeWatches?: boolean;
  /** Any further condition. */
  readonly where?: (request: AuditedRequest) => boolean;
}

/** Number of requests in an audit log that match. */
export async function countRequests(path: string, filter: RequestFilter = {}): Promise<number> {
  let count = 0;
  for await (const request of readAuditLog(path)) {
    if (matches(request, filter)) count += 1;
  }
  return count;
}

/** Number of matching requests per `verb resource/subresource`, e.g. `patch harvestermachines/status`, most frequent first. */
export async function tallyRequests(path: string, filter: RequestFilter = {}): Promise<Map<string, number>> {
  const counts = new Map<string, number>();
  for await (const request of readAuditLog(path)) {
    if (!matches(request, filter)) continue;
    const subresource = request.subresource === undefined ? "" : `/${request.subresource}`;
    const key = `${request.verb} ${request.resource ?? request.requestUri}${subresource}`;
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return new Map([...counts].sort(([, a], [, b]) => b - a));
}

function matches(request: AuditedRequest, filter: RequestFilter): boolean {
  return (
    (filter.user === undefined || request.user === filter.user) &&
    (filter.since === undefined || request.receivedAt >= filter.since) &&
    (filter.until === undefined || request.receivedAt < filter.until) &&
    !(filter.excludeWatches === true && request.verb === "watch") &&
    (filter.where === undefined || filter.where(request))
  );
}
