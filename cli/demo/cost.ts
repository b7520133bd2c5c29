import { labUsers, type Lab } from "#cli/lab/lab.ts";
import type { AuditedRequest } from "#platform/control-plane/audit-log.ts";
import { readAuditLog } from "#platform/control-plane/audit-log.ts";

/** A span of wall-clock time, epoch ms. */
export interface Span {
  readonly since: number;
  readonly until: number;
}

/** Requests of capfn in some spans of time, from the API servers' own audit logs, watches apart. */
export interface Cost {
  readonly harvesterRequests: number;
  /** Writes to the management cluster for machines: without Kubernetes Events, which are counted below, and without those about the cluster and its templates. */
  readonly managementWrites: number;
  readonly kubernetesEvents: number;
  readonly workloadRequests: number;
  readonly poolWrites: number;
}

/** Written once for a cluster, however many machines it has. */
const OF_CLUSTER: ReadonlySet<string> = new Set(["harvesterclusters", "harvestermachinetemplates"]);

const WRITES: ReadonlySet<string> = new Set(["create", "update", "patch", "delete", "deletecollection"]);

/**
 * Adds up what capfn asked of each API server. The user agent tells it from Cluster API core, which reaches the workload cluster with the
 * same kubeconfig.
 */
export async function costOf(lab: Lab, spans: readonly Span[]): Promise<Cost> {
  const count = async (
    path: string | undefined,
    wanted: (request: AuditedRequest) => boolean,
  ): Promise<number> => {
    if (path === undefined) return 0;
    let found = 0;
    for await (const request of readAuditLog(path)) {
      const inSpan = spans.some(
        ({ since, until }) => request.receivedAt >= since && request.receivedAt < until,
      );
      const isOurs = request.user === labUsers.capfn && request.userAgent.startsWith("capfn/");
      if (isOurs && request.verb !== "watch" && inSpan && wanted(request)) found += 1;
    }
    return found;
  };
  const isEvent = ({ resource }: AuditedRequest) => resource === "events";
  const isWrite = ({ verb }: AuditedRequest) => WRITES.has(verb);
  return {
    harvesterRequests: await count(lab.harvester.auditLogPath, () => true),
    managementWrites: await count(
      lab.management.auditLogPath,
      (request) => isWrite(request) && !isEvent(request) && !OF_CLUSTER.has(request.resource ?? ""),
    ),
    kubernetesEvents: await count(lab.management.auditLogPath, isEvent),
    workloadRequests: await count(lab.workload?.auditLogPath, () => true),
    poolWrites: await count(
      lab.harvester.auditLogPath,
      (request) => request.resource === "ippools" && isWrite(request),
    ),
  };
}
