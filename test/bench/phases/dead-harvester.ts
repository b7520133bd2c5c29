import { labUsers } from "#cli/lab/lab.ts";
import { renderKubeconfig } from "#platform/control-plane/kubeconfig.ts";
import { namespaces, secrets } from "#platform/kube/resources.ts";
import { startFaultProxy } from "#platform/simulator/fault-proxy.ts";
import { type BenchWorld, namespace, secret } from "#test/bench/bench-world.ts";
import { inParallel } from "#test/bench/pacing.ts";
import { warmCluster } from "#test/bench/phases/machines.ts";
import { createMachines, deleteMachines, tidyUp, untilRunning } from "#test/bench/played-core.ts";
import { quantile, type Sheet } from "#test/bench/sheet.ts";

const DEAD = "far-dead";
/** Clusters in which a machine is made at the same time: what is asked is who waits for whom, not how much this machine bears. */
const AT_ONCE = 12;

/**
 * Clusters that each have an identity, and so a connection to Harvester, of their own. One machine is made in each of the others, before and after the
 * Harvester of one of them has fallen silent, with a machine of its own to be made.
 */
export async function measureDeadHarvester(world: BenchWorld, sheet: Sheet): Promise<void> {
  const { sizes, lab, clock } = world;
  await using proxy = await startFaultProxy({ upstream: lab.harvester, clock });
  const good = Array.from({ length: sizes.harvesters - 1 }, (_, index) => `far${index}`);
  await inParallel(good, (name) => connected(world, name, lab.harvester), 8);
  await connected(world, DEAD, proxy);
  const alone = await round(world, good, "a");
  const answersAgain = proxy.blackHole();
  proxy.freezeWatches();
  const doomed = [`${DEAD}-b`];
  await createMachines(world, DEAD, doomed);
  const beside = await round(world, good, "b");
  const stillDoomed = doomed.every((name) => world.seen.of(name).provisionedAt === undefined);
  if (!stillDoomed) throw new Error("the Harvester that should be dead has made a machine");
  report(sheet, good.length, { alone, beside });
  answersAgain();
}

async function connected(
  world: BenchWorld,
  name: string,
  harvester: { readonly server: string; readonly caPem: string },
): Promise<void> {
  const identity = { namespace: `${name}-identity`, name: "identity" };
  const { server, caPem } = harvester;
  const user = labUsers.capfn;
  const kubeconfig = renderKubeconfig({ name: "harvester", server, caPem, user, token: `${user}-token` });
  await world.client.management.create(namespaces, namespace(identity.namespace));
  await world.client.management.create(secrets, secret(identity, { kubeconfig }));
  await warmCluster(world, { name, identity });
}

interface Round {
  readonly nodes: readonly number[];
  readonly addresses: readonly number[];
}

/** A machine in each cluster comes and goes, a few at a time. */
async function round(world: BenchWorld, clusters: readonly string[], mark: string): Promise<Round> {
  const { seen, writes } = world;
  const nodes: number[] = [];
  const addresses: number[] = [];
  await inParallel(
    clusters,
    async (cluster) => {
      const names = [`${cluster}-${mark}`];
      await createMachines(world, cluster, names);
      await untilRunning(world, names, { timeoutMs: 120_000 });
      for (const name of names) {
        nodes.push((seen.of(name).nodeInitialisedAt ?? NaN) - (writes.registered.get(name) ?? NaN));
        addresses.push((seen.of(name).provisionedAt ?? NaN) - (writes.addressed.get(name) ?? NaN));
      }
      await deleteMachines(world, cluster, { names, goneWithinMs: 120_000 });
      await tidyUp(world, cluster, names);
    },
    AT_ONCE,
  );
  return { nodes, addresses };
}

function report(
  sheet: Sheet,
  clusters: number,
  { alone, beside }: { readonly alone: Round; readonly beside: Round },
): void {
  const figures = [
    ["node-to-initialised", "Node registered -> initialised", "nodes"],
    ["address-to-provisioned", "address reported -> provisioned", "addresses"],
  ] as const;
  for (const [id, what, key] of figures)
    for (const [when, times, beyond] of [
      ["without", alone[key], ""],
      ["with", beside[key], " beside one whose Harvester has fallen silent"],
    ] as const)
      sheet.measured({
        id: `dead-harvester/${id}/${when}`,
        what: `${what}, ${clusters} clusters${beyond}, p99`,
        unit: "ms",
        target: 100,
        value: quantile(times, 0.99),
        note: `p50 ${quantile(times, 0.5).toFixed(0)} ms, of ${times.length}`,
      });
}
