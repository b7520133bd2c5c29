import { NAMESPACE } from "#cli/demo/stage.ts";
import { labUsers } from "#cli/lab/lab.ts";
import { readAuditLog, type AuditedRequest } from "#platform/control-plane/audit-log.ts";
import type { Day2 } from "#test/e2e/day2/stage.ts";
import { until } from "#test/e2e/until.ts";

/** When what happened, ms since the epoch. */
export interface AlertTimes {
  /** The kubelet said that it is not well. */
  readonly unwell: number;
  /** Prometheus saw it, by its API. */
  readonly active: number;
  /** It had lasted long enough, by the same. */
  readonly firing: number;
  /** The ingress asked the API server to store the request, by its audit log. */
  readonly webhook: number;
  /** The request was stored. */
  readonly request: number;
  /** The first step was written down. */
  readonly step: number;
  /** Harvester was asked for it. */
  readonly effect: number;
  /** The request said that the machine is well. */
  readonly done: number;
}

/** Times of a remediation that has ended, of the machine whose instance is another one since; told by the audit logs. */
export async function timesOf(
  { lab }: Day2,
  seen: Pick<AlertTimes, "unwell" | "active" | "firing"> & { readonly machine: string },
): Promise<AlertTimes> {
  const { machine, ...known } = seen;
  const ours = async (path: string, since: number, wanted: (request: AuditedRequest) => boolean) => {
    const found: AuditedRequest[] = [];
    for await (const request of readAuditLog(path))
      if (
        request.user === labUsers.capfn &&
        request.code < 300 &&
        request.receivedAt >= since &&
        wanted(request)
      )
        found.push(request);
    return found;
  };
  const effect = await until("the audit log of Harvester tells of the step", async () => {
    const [first] = await ours(
      lab.harvester.auditLogPath,
      known.unwell,
      ({ verb, resource, name }) =>
        verb === "delete" && resource === "virtualmachineinstances" && name === machine,
    );
    return first?.receivedAt;
  });
  const requests = await ours(
    lab.management.auditLogPath,
    known.unwell,
    ({ resource, namespace }) => resource === "remediationrequests" && namespace === NAMESPACE,
  );
  const stored = requests.find(({ verb }) => verb === "create");
  const written = requests.filter(({ verb, subresource }) => verb === "patch" && subresource === "status");
  const step = written.findLast(({ completedAt }) => completedAt <= effect);
  const last = written.at(-1);
  if (stored === undefined || step === undefined || last === undefined)
    throw new Error("the audit log lacks a write of the request");
  return {
    ...known,
    webhook: stored.receivedAt,
    request: stored.completedAt,
    step: step.completedAt,
    effect,
    done: last.completedAt,
  };
}

/** `seen 812 ms, held 1003 ms, ...`: from each to the next. */
export function split(times: AlertTimes): string {
  const parts: [string, number][] = [
    ["scrape", times.active - times.unwell],
    ["for", times.firing - times.active],
    ["webhook", times.webhook - times.firing],
    ["request", times.request - times.webhook],
    ["step", times.step - times.request],
    ["effect", times.effect - times.step],
    ["well", times.done - times.effect],
  ];
  return parts.map(([name, ms]) => `${name} ${Math.round(ms)}`).join(" + ") + " ms";
}
