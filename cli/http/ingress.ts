import { allFunctions } from "#cli/functions.ts";
import { parseBindAddress } from "#cli/http/bind-address.ts";
import type { RunningOperator } from "#cli/operator/operator.ts";
import { namespacesIn } from "#cli/operator/shard.ts";
import { version } from "#cli/version.ts";
import type { KnownAlert } from "#events/sources/ingress/alert-resync.ts";
import { readIngressConfig } from "#events/sources/ingress/config.ts";
import { hintTargets } from "#events/sources/ingress/hints.ts";
import type { IngressEvent } from "#events/sources/ingress/ingress-event.ts";
import { openIngress, type OpenIngress } from "#events/sources/ingress/open.ts";
import { remediationRequestView } from "#platform/cluster-api/remediation.ts";
import type { ConnectionConfig } from "#platform/kube/connection-config.ts";
import { createRequestBudget } from "#platform/kube/request-budget.ts";
import { createKubeClient } from "#platform/kube/rest.ts";
import { MANAGEMENT } from "#platform/kube/view.ts";
import type { Log } from "#platform/observability/log.ts";
import type { Metrics } from "#platform/observability/metrics.ts";
import type { Clock } from "#platform/process/clock.ts";

export interface IngressFlags {
  readonly ingressBindAddress: string;
  readonly ingressConfig?: string;
  /** Namespaces the hub is restricted to, with commas between. */
  readonly namespace?: string;
  /** Which hub is to act for what is stored here. */
  readonly watchFilter?: string;
  readonly ledgerNamespace: string;
  readonly requestRate: number;
}

export interface IngressWorld {
  readonly management: ConnectionConfig;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Log;
  /** The hub; undefined on standby. */
  readonly running: () => Pick<RunningOperator, "operator" | "metrics"> | undefined;
}

/**
 * Opens the ingress if a flag asks for it. It has a client of its own, so that alerts are stored also on standby and while the hub is busy.
 * Throws with the mend when flags or configuration are wrong.
 */
export async function startIngress(
  flags: IngressFlags,
  world: IngressWorld,
): Promise<OpenIngress | undefined> {
  const address = parseBindAddress("--ingress-bind-address", flags.ingressBindAddress);
  if (address === undefined) return undefined;
  if (flags.ingressConfig === undefined)
    throw new Error("--ingress-bind-address needs --ingress-config, which says who may send what");
  const config = await readIngressConfig(flags.ingressConfig);
  const seen = flags.namespace === undefined ? undefined : namespacesIn(flags.namespace);
  const only = seen?.length === 1 ? seen[0] : undefined;
  const namespace = config.alertNamespace ?? only ?? flags.ledgerNamespace;
  if (seen?.includes(namespace) === false)
    throw new Error(
      `alertNamespace is ${namespace}, but --namespace lets the hub see ${seen.join(", ")} only; make it one of them`,
    );
  const { clock } = world;
  const client = createKubeClient(world.management, {
    clock,
    random: world.random,
    userAgent: `capfn-ingress/${version}`,
    budget: createRequestBudget({
      clock,
      requestsPerSecond: flags.requestRate,
      burst: flags.requestRate * 2,
      inFlight: 32,
    }),
  });
  const targets = hintTargets(allFunctions.flatMap(({ views }) => views));
  const ingress = await openIngress({
    config,
    address,
    clock,
    random: world.random,
    client,
    namespace,
    policy: config.remediation,
    watchFilter: flags.watchFilter,
    hub: () => {
      const hub = world.running()?.operator.hub;
      if (hub === undefined) return undefined;
      return { targets, hint: ({ view, ref, cause, data }) => hub.hint(view, ref, cause, data) };
    },
    known: () => knownAlerts(world.running()?.operator, namespace),
    stored: (name) => {
      const operator = world.running()?.operator;
      if (operator?.ready() !== true) return undefined;
      return operator.hub.index.get(remediationRequestView, { connection: MANAGEMENT, namespace, name })?.spec
        .alert;
    },
    observe: (event) => {
      count(event, world.running()?.metrics);
      write(event, world.log);
    },
  });
  return {
    url: ingress.url,
    close: async () => {
      await ingress.close();
      client.close();
    },
  };
}

/** Undefined while the requests have not been listed. */
function knownAlerts(
  operator: RunningOperator["operator"] | undefined,
  namespace: string,
): KnownAlert[] | undefined {
  if (operator?.ready() !== true) return undefined;
  return operator.hub.index
    .all(remediationRequestView, MANAGEMENT)
    .filter(({ meta }) => meta.namespace === namespace)
    .flatMap(({ meta, spec: { alert } }) => (alert === undefined ? [] : [{ request: meta.name, alert }]));
}

function count(event: IngressEvent, metrics: Metrics | undefined): void {
  if (event.kind === "answered") {
    const { path, sender, status } = event;
    metrics?.ingressRequests.inc({ path, sender, status });
  }
  if (event.kind === "sender")
    metrics?.ingressSenders.set({ sender: event.sender }, event.problem === undefined ? 1 : 0);
  if (event.kind === "oversized") metrics?.ingressOversized.inc({ sender: event.sender });
  if (event.kind === "alert") metrics?.ingressAlerts.inc({ result: event.result });
}

function write(event: IngressEvent, log: Log): void {
  switch (event.kind) {
    case "refused": {
      const { path, sender, problem } = event;
      log.warn({ path, sender, problem }, "the ingress refused something");
      break;
    }
    case "oversized": {
      const { sender, problem } = event;
      log.error({ sender, problem }, "alerts came in a body that is too large to be taken");
      break;
    }
    case "fault": {
      const { where, error } = event;
      log.warn({ where, error: messageOf(error) }, "the ingress failed");
      break;
    }
    case "sender": {
      const { sender, problem } = event;
      if (problem === undefined) log.info({ sender }, "the sender has a token again");
      else
        log.error(
          { sender, error: messageOf(problem) },
          "the sender is refused: mend its token file, or take it out of the configuration",
        );
      break;
    }
    case "hinted":
      log.info({ type: event.type, object: event.object }, "an event came in");
      break;
    default:
      log.debug({ ...event }, event.kind);
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : "unknown";
}
