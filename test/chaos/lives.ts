import type { HubEvent } from "#events/hub/observer.ts";
import { defaultPolicy, type HubPolicy } from "#events/hub/policy.ts";
import type { LedgerStore } from "#events/hub/records.ts";
import { memoryLedger } from "#events/sources/memory-ledger.ts";
import { type Operator, startOperator } from "#events/start.ts";
import type { Runner } from "#events/transport/runner.ts";
import type { StepFunction } from "#functions/contract/function.ts";
import type { KubeClient } from "#platform/kube/client.ts";
import type { ConnectionConfig } from "#platform/kube/connection-config.ts";
import { createEtcdClient } from "#platform/etcd/client.ts";
import { createKubeClient } from "#platform/kube/rest.ts";
import { MANAGEMENT } from "#platform/kube/view.ts";
import type { Clock } from "#platform/process/clock.ts";
import { callSeam, type FaultHands, withCallers } from "#test/chaos/call-seam.ts";
import { type DeltaSeamOptions, withDeltaSeam } from "#test/chaos/delta-seam.ts";
import type { Director } from "#test/chaos/director.ts";
import { etcdSeam } from "#test/chaos/etcd-seam.ts";
import { mortality, type Mortality } from "#test/chaos/mortal-clock.ts";
import type { Voters } from "#test/chaos/voters.ts";

/** Every wait short, every rule as in production. */
const trialPolicy: HubPolicy = {
  ...defaultPolicy,
  backoff: { ...defaultPolicy.backoff, firstMs: 10, longestMs: 200 },
  breaker: { threshold: 5, firstOpenMs: 40, longestOpenMs: 200 },
  deadlineMarginMs: 200,
  ledgerSaveMs: 10,
};

/** Longest an operator waits before it connects again to an API server that is away, ms. */
const RECONNECT_MS = 100;

export interface LivesOptions {
  readonly management: ConnectionConfig;
  readonly namespace: string;
  readonly functions: readonly StepFunction[];
  readonly director: Director;
  readonly replaced: DeltaSeamOptions["replaced"];
  readonly clock: Clock;
  /** The etcd of the trial's control plane, once there is one. */
  readonly voters: () => Voters | undefined;
  readonly policy?: HubPolicy | undefined;
  readonly attemptMs?: number | undefined;
  readonly random: () => number;
  readonly observe?: ((event: HubEvent) => void) | undefined;
  /** Where handlers execute; in the operator's process when left out. */
  readonly runner?: Runner | undefined;
}

/** One operator from its start to its end. */
interface Life {
  readonly number: number;
  readonly mortality: Mortality;
  readonly clients: KubeClient[];
  operator: Operator | undefined;
}

/** The operators of a trial, one after the other or two at a time, with one ledger that outlives them. */
export interface Lives {
  start(): Promise<void>;
  /** Ends those that run as by kill -9 and starts another with the ledger last saved. */
  restart(): void;
  /** Nothing runs, is in line or under way in any of them. */
  readonly idle: boolean;
  readonly count: number;
  readonly operator: Operator | undefined;
  stop(): Promise<void>;
}

export function operatorLives(options: LivesOptions): Lives {
  const { director } = options;
  const ledger = memoryLedger();
  const lives: Life[] = [];
  let stopped = false;

  const start = async (): Promise<void> => {
    const life: Life = {
      number: lives.length + 1,
      mortality: mortality(options.clock),
      clients: [],
      operator: undefined,
    };
    lives.push(life);
    const { clock } = life.mortality;
    const hands: FaultHands = {
      crash: () => {
        if (!life.mortality.dead) restart(life);
      },
      doubleHub: (forMs) => {
        life.mortality.pause();
        director.later(forMs, () => life.mortality.resume());
        void begin();
      },
    };
    const connect = (config: ConnectionConfig): KubeClient => {
      const client = createKubeClient(config, {
        clock,
        random: options.random,
        userAgent: "capfn/trial",
        intercept: callSeam(director, life, hands),
      });
      life.clients.push(client);
      return withDeltaSeam(client, { director, life, hands, replaced: options.replaced });
    };
    life.operator = await startOperator({
      management: connect({ ...options.management, connection: MANAGEMENT }),
      functions: withCallers(options.functions, {
        attemptMs: options.attemptMs,
        etcdMember: (endpoint) => {
          const voters = options.voters();
          return voters === undefined
            ? createEtcdClient(endpoint)
            : etcdSeam({ director, life, hands, voters })(endpoint);
        },
      }),
      clock,
      random: options.random,
      policy: options.policy ?? trialPolicy,
      ledger: ofTheLiving(ledger, life.mortality),
      clusterId: "trial",
      version: "trial",
      ...(options.namespace !== undefined && { shard: { namespaces: [options.namespace] } }),
      connect,
      observe: (event) => {
        if (life.mortality.dead) return;
        options.observe?.(event);
        if (event.kind === "unreadable" || event.kind === "predicateFailed")
          director.violations.push(`${event.kind}: ${event.message}`);
      },
      count: () => {},
      dropped: () => {},
      dispatch: true,
      runner: options.runner,
      reconnectMs: RECONNECT_MS,
    });
  };
  const begin = (): Promise<void> =>
    stopped
      ? Promise.resolve()
      : start().catch((error: unknown) => {
          director.violations.push(`an operator did not start: ${String(error)}`);
        });
  const end = (life: Life): void => {
    life.mortality.kill();
    for (const client of life.clients) client.close();
  };
  const restart = (life: Life): void => {
    end(life);
    void begin();
  };
  const alive = (): Life[] => lives.filter(({ mortality: { dead } }) => !dead);

  return {
    start,
    restart: () => {
      for (const life of alive()) end(life);
      void begin();
    },
    get idle() {
      return alive().every(({ operator }) => operator?.hub.idle === true && operator.ready());
    },
    get count() {
      return lives.length;
    },
    get operator() {
      return alive().at(-1)?.operator;
    },
    stop: async () => {
      stopped = true;
      for (const life of alive()) {
        await life.operator?.stop(0);
        end(life);
      }
    },
  };
}

function ofTheLiving(store: LedgerStore, owner: Mortality): LedgerStore {
  return {
    load: () => store.load(),
    save: async (snapshot) => {
      await owner.alive();
      await store.save(snapshot);
    },
  };
}
