import type { ServeFlags } from "#cli/actions/serve.ts";
import type { ManagementSource } from "#cli/operator/management.ts";
import { logStray } from "#cli/operator/observe.ts";
import { snapshotPlaceOf } from "#cli/operator/snapshot-place.ts";
import type { Terminal } from "#cli/terminal.ts";
import { version } from "#cli/version.ts";
import { kubeAnnouncer } from "#events/sources/announcer.ts";
import { SecretClients } from "#events/sources/secret-clients.ts";
import type { ServedSteps } from "#events/transport/served-step.ts";
import type { StepFunction } from "#functions/contract/function.ts";
import type { KubeClient } from "#platform/kube/client.ts";
import type { ConnectionConfig } from "#platform/kube/connection-config.ts";
import { createRequestBudget } from "#platform/kube/request-budget.ts";
import { createKubeClient } from "#platform/kube/rest.ts";
import type { Log } from "#platform/observability/log.ts";
import { lateMetrics } from "#platform/observability/late-metrics.ts";

/** The functions a process serves. */
export interface ServedFunctions {
  readonly names: readonly string[];
  /** Loads their declarations and handlers, which takes longer than anything else at the start. */
  readonly load: () => Promise<readonly StepFunction[]>;
  readonly managementOf: ManagementSource;
}

/** Steps with the world they act on, for a process that serves functions. */
export interface OpenSteps {
  readonly steps: ServedSteps;
  readonly management: KubeClient;
  readonly metrics: ReturnType<typeof lateMetrics>;
  /** Makes a client of another API server. */
  readonly connect: (config: ConnectionConfig) => KubeClient;
  readonly close: () => void;
}

/** Opens what steps need outside the hub's process. Throws, with the mend, when the management cluster cannot be told. */
export async function openSteps(
  { load, managementOf }: ServedFunctions,
  flags: Pick<ServeFlags, "kubeconfig" | "context" | "requestRate" | "etcdSnapshots">,
  terminal: Terminal,
  log: Log,
): Promise<OpenSteps> {
  const { clock, environment, random } = terminal;
  const functions = await load();
  const snapshotPlace = snapshotPlaceOf(flags.etcdSnapshots);
  const metrics = lateMetrics();
  const connect = (config: ConnectionConfig) =>
    createKubeClient(config, {
      clock,
      random,
      userAgent: `capfn/${version}`,
      budget: createRequestBudget({
        clock,
        requestsPerSecond: flags.requestRate,
        burst: flags.requestRate * 2,
        inFlight: 64,
      }),
    });
  const management = connect(await managementOf(flags, clock, environment));
  const clients = new SecretClients(management, connect);
  const steps: ServedSteps = {
    functions,
    views: functions.flatMap(({ writes }) => writes),
    world: {
      clock,
      management: () => management,
      client: (connection) => clients.client(connection),
      announce: kubeAnnouncer(management, clock, (what, error) =>
        log.warn({ what, error: nameOf(error) }, "a report for people could not be written"),
      ),
      count: (counter) => metrics.note(({ count }) => count(counter)),
      measureCreation: (seconds) => metrics.note(({ creationDuration }) => creationDuration.observe(seconds)),
      snapshotPlace,
    },
    contain: terminal.contain((error) => logStray(log, error)),
    ran: (name, { outcomes, fault }) => {
      const ended = fault === undefined ? [...outcomes.values()].map(({ kind }) => kind) : ["fault"];
      metrics.note(({ outcomes: counted }) =>
        ended.forEach((outcome) => counted.inc({ function: name, outcome })),
      );
      log.info(
        { function: name, outcomes: ended, ...(fault !== undefined && { error: nameOf(fault) }) },
        "a step ended",
      );
    },
  };
  return {
    steps,
    management,
    connect,
    metrics,
    close: () => {
      clients.close();
      management.close();
    },
  };
}

function nameOf(error: unknown): string {
  return error instanceof Error ? error.name : "unknown";
}
