import { createServer, type Server, type Socket } from "node:net";
import type { BenchWorld } from "#test/bench/bench-world.ts";
import { inParallel } from "#test/bench/pacing.ts";
import {
  createMachines,
  deleteMachines,
  machineNames,
  tidyUp,
  untilRunning,
} from "#test/bench/played-core.ts";
import { warmCluster } from "#test/bench/phases/machines.ts";
import { quantile, type Sheet } from "#test/bench/sheet.ts";

const DEAD = "dead";

/** One workload API server of ten takes connections and never answers; the others must not notice. */
export async function measureDeadCluster(world: BenchWorld, sheet: Sheet): Promise<void> {
  const { sizes } = world;
  const clusters = Array.from({ length: sizes.clusters - 1 }, (_, index) => `good${index}`);
  await inParallel(clusters, (name) => warmCluster(world, { name }), 3);
  const alone = await round(world, clusters, "a");
  await using hole = await blackHole();
  await warmCluster(world, { name: DEAD, workloadServer: hole.url });
  const doomed = machineNames(`${DEAD}-`, sizes.perCluster);
  await createMachines(world, DEAD, doomed);
  const beside = await round(world, clusters, "b");
  await untilRunning(world, doomed, { timeoutMs: 90_000, nodes: false });
  const figures = [
    ["node-to-initialised", "Node registered -> initialised", "nodes"],
    ["address-to-provisioned", "address reported -> provisioned", "addresses"],
  ] as const;
  for (const [id, what, key] of figures) {
    const p99 = (times: Round): number => quantile(times[key], 0.99);
    const common = { unit: "ms", target: 100 };
    sheet.measured({
      ...common,
      id: `dead-cluster/${id}/without`,
      what: `${what}, ${clusters.length} clusters, p99`,
      value: p99(alone),
    });
    sheet.measured({
      ...common,
      id: `dead-cluster/${id}/with`,
      what: `${what}, the same beside a cluster whose workload API server never answers, p99`,
      value: p99(beside),
      note: `p50 without ${quantile(alone[key], 0.5).toFixed(0)} ms, with ${quantile(beside[key], 0.5).toFixed(0)} ms`,
    });
  }
  // The dead cluster's own machines must go, too: nothing of theirs waits for the workload API.
  await deleteMachines(world, DEAD, { names: doomed, goneWithinMs: 120_000 });
  await tidyUp(world, DEAD, doomed);
}

interface Round {
  readonly nodes: readonly number[];
  readonly addresses: readonly number[];
}

/** Some machines in each cluster live once. */
async function round(world: BenchWorld, clusters: readonly string[], mark: string): Promise<Round> {
  const { seen, writes, sizes } = world;
  const members = new Map(clusters.map((name) => [name, machineNames(`${name}-${mark}`, sizes.perCluster)]));
  await Promise.all([...members].map(([cluster, names]) => createMachines(world, cluster, names)));
  const all = [...members.values()].flat();
  await untilRunning(world, all, { timeoutMs: 120_000 });
  const nodes = all.map(
    (name) => (seen.of(name).nodeInitialisedAt ?? NaN) - (writes.registered.get(name) ?? NaN),
  );
  const addresses = all.map(
    (name) => (seen.of(name).provisionedAt ?? NaN) - (writes.addressed.get(name) ?? NaN),
  );
  for (const [cluster, names] of members) {
    await deleteMachines(world, cluster, { names, goneWithinMs: 120_000 });
    await tidyUp(world, cluster, names);
  }
  return { nodes, addresses };
}

/** Takes TCP connections, reads what comes, and is silent: TLS handshakes never end. */
async function blackHole(): Promise<{ readonly url: string } & AsyncDisposable> {
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined);
    socket.on("close", () => sockets.delete(socket));
    socket.resume();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("a TCP listener has no port");
  return {
    url: `https://127.0.0.1:${address.port}`,
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}
