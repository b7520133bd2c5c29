import { labUsers, type Lab } from "#cli/lab/lab.ts";
import { type AuditedRequest, readAuditLog } from "#platform/control-plane/audit-log.ts";
import { type Clock, sleep } from "#platform/process/clock.ts";

/** Wall-clock ms. */
export interface Span {
  readonly since: number;
  readonly until: number;
}

/** What capfn asked of the API servers, without watches. Kubernetes Events and the hub's ledger are counted apart. */
export interface RequestCounts {
  harvester: number;
  workload: number;
  managementWrites: number;
  managementReads: number;
  kubernetesEvents: number;
  ledger: number;
  poolWrites: number;
  /** Answered 409, but for pools, whose writes are counted apart. */
  conflicts: number;
  /** Number per `<API> <verb> <resource>`, e.g. `M patch harvestermachines/status`. */
  readonly kinds: Map<string, number>;
}

const WRITES: ReadonlySet<string> = new Set(["create", "update", "patch", "delete", "deletecollection"]);

export type Api = "M" | "H" | "W";

/**
 * Counts capfn's requests from the API servers' own audit logs. `cluster`: only those for one cluster of the bench, whose namespaces, pool and
 * Nodes are named after it; all when absent.
 */
export async function countRequests(lab: Lab, span: Span, cluster?: string): Promise<RequestCounts> {
  const counts: RequestCounts = {
    harvester: 0,
    workload: 0,
    managementWrites: 0,
    managementReads: 0,
    kubernetesEvents: 0,
    ledger: 0,
    poolWrites: 0,
    conflicts: 0,
    kinds: new Map(),
  };
  const planes = [
    ["M", lab.management],
    ["H", lab.harvester],
    ["W", lab.workload],
  ] as const;
  for (const [api, plane] of planes) {
    if (plane === undefined) continue;
    for await (const request of readAuditLog(plane.auditLogPath)) {
      const { user, verb, receivedAt } = request;
      if (user !== labUsers.capfn || verb === "watch") continue;
      if (receivedAt < span.since || receivedAt >= span.until) continue;
      if (cluster === undefined || isOf(cluster, request)) add(counts, api, request);
    }
  }
  return counts;
}

function isOf(cluster: string, { namespace, name, resource }: AuditedRequest): boolean {
  if (namespace !== undefined) return namespace === cluster;
  return resource === "nodes" ? name?.startsWith(`${cluster}-`) === true : name === cluster;
}

function add(counts: RequestCounts, api: Api, request: AuditedRequest): void {
  const { verb, resource, subresource, code } = request;
  const kind = `${api} ${verb} ${resource ?? request.requestUri}${subresource === undefined ? "" : `/${subresource}`}`;
  counts.kinds.set(kind, (counts.kinds.get(kind) ?? 0) + 1);
  if (code === 409 && resource !== "ippools") counts.conflicts += 1;
  const write = WRITES.has(verb);
  if (api === "H") {
    counts.harvester += 1;
    if (resource === "ippools" && write) counts.poolWrites += 1;
  } else if (api === "W") counts.workload += 1;
  else if (resource === "events") counts.kubernetesEvents += 1;
  else if (resource === "configmaps") counts.ledger += 1;
  else if (write) counts.managementWrites += 1;
  else counts.managementReads += 1;
}

/** Who asked most, per machine: evidence for a row. */
export function topKinds(
  { kinds, conflicts }: RequestCounts,
  machines: number,
  apis: readonly Api[],
): string {
  const lines = [...kinds]
    .filter(([kind]) => apis.some((api) => kind.startsWith(`${api} `)))
    .sort(([, a], [, b]) => b - a)
    .map(([kind, count]) => `${kind} ${Math.round((count / machines) * 100) / 100}`);
  return [...lines, ...(conflicts === 0 ? [] : [`answered 409 in all: ${conflicts}`])].join(", ");
}

/** Waits until requests under way have reached the audit logs, then gives the time. */
export async function settledNow(clock: Clock, ms = 1_500): Promise<number> {
  await sleep(clock, ms);
  return clock.now();
}
