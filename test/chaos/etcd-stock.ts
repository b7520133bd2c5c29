import { setTimeout as sleep } from "node:timers/promises";
import { createAuthority, startEtcdCluster, type TestEtcdCluster } from "#test/support/etcd-cluster.ts";

/** Names of the voters of every cluster in stock; the first leads. */
export const voterNames = ["cp1", "cp2", "cp3"] as const;

/** Real etcd clusters of three voters, one for each trial that asks. The next ones start while trials run. */
export interface EtcdStock extends AsyncDisposable {
  take(): Promise<TestEtcdCluster>;
  /** Ends its processes, in its own time. */
  giveBack(cluster: TestEtcdCluster): void;
}

/** Nothing is started before the first is taken; from then on so many are kept ready. */
export function etcdStock(ready: number): EtcdStock {
  const waiting: Promise<TestEtcdCluster>[] = [];
  const ending = new Set<Promise<void>>();
  const end = (cluster: TestEtcdCluster): void => {
    const over = Promise.resolve(cluster[Symbol.asyncDispose]()).finally(() => ending.delete(over));
    ending.add(over);
  };
  const start = (): Promise<TestEtcdCluster> => {
    const starting = started();
    // It counts for whoever takes it.
    starting.catch(() => {});
    return starting;
  };
  return {
    take: async () => {
      const next = waiting.shift() ?? start();
      while (waiting.length < ready) waiting.push(start());
      return ledByFirst(await next);
    },
    giveBack: end,
    [Symbol.asyncDispose]: async () => {
      for (const cluster of await Promise.allSettled(waiting.splice(0)))
        if (cluster.status === "fulfilled") end(cluster.value);
      await Promise.all(ending);
    },
  };
}

async function started(): Promise<TestEtcdCluster> {
  return startEtcdCluster(voterNames, { authority: await createAuthority("ec"), strict: false });
}

const LONGEST_ELECTION_MS = 60_000;

/** Resolves when the first member leads: which one does is chance, and changes when all have too little time. */
async function ledByFirst(cluster: TestEtcdCluster): Promise<TestEtcdCluster> {
  const [first] = voterNames;
  const deadline = performance.now() + LONGEST_ELECTION_MS;
  for (;;) {
    try {
      const leader = await cluster.leader();
      if (leader.name === first) return cluster;
      await leader.client.moveLeader(await cluster.idOf(first));
    } catch (error) {
      if (performance.now() > deadline) throw error;
    }
    await sleep(100);
  }
}
