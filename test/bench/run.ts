import { cpus, loadavg } from "node:os";
import { Command } from "commander";
import { systemClock } from "#platform/process/clock.ts";
import { processEnvironment } from "#platform/process/environment.ts";
import type { ControlPlaneHost } from "#platform/control-plane/host.ts";
import { startBenchWorld } from "#test/bench/bench-world.ts";
import { startOperatorProcess } from "#test/bench/operator-process.ts";
import { startFloor } from "#test/bench/floor.ts";
import { measureAtRest, measureEmpty } from "#test/bench/phases/at-rest.ts";
import { measureDeadCluster } from "#test/bench/phases/dead-cluster.ts";
import { measureDispatch } from "#test/bench/phases/dispatch-rate.ts";
import { reportLater } from "#test/bench/phases/later.ts";
import { measureMachines } from "#test/bench/phases/machines.ts";
import { measureWaitingPool } from "#test/bench/phases/waiting-pool.ts";
import { histogramQuantile, type Scrape } from "#test/bench/scrape.ts";
import { jsonOf, quantile, Sheet, tableOf } from "#test/bench/sheet.ts";
import { fullSizes, quickSizes } from "#test/bench/sizes.ts";

interface Flags {
  readonly json?: boolean;
  readonly quick?: boolean;
  readonly only: string;
}

/** First parts of the rows of each measurement that needs API servers. */
const withOperator = ["floor", "create", "delete", "wake", "pool", "dead-cluster"];
const atRest = ["memory", "cpu", "start", "restart", "idle"];

async function bench({ json, quick, only }: Flags): Promise<void> {
  const clock = systemClock();
  const begunAt = clock.monotonic();
  const say = (line: string): void =>
    void process.stderr.write(
      `${((clock.monotonic() - begunAt) / 1000).toFixed(0).padStart(4)} s  ${line}\n`,
    );
  const host: ControlPlaneHost = { environment: processEnvironment(), clock, progress: say };
  const sizes = quick === true ? quickSizes : fullSizes;
  const sheet = new Sheet(only, say);
  const wanted = (rows: readonly string[]): boolean =>
    rows.some((row) => row.startsWith(only) || only === row || only.startsWith(`${row}/`));
  const attempt = async (
    id: string,
    measure: () => Promise<void>,
    rows: readonly string[] = [id],
  ): Promise<void> => {
    if (!wanted(rows)) return;
    say(`measuring ${id}`);
    await measure().catch((error: unknown) => sheet.failed(id, error));
  };

  await attempt("dispatch", () => measureDispatch(clock, sheet, quick === true ? 5_000 : 30_000), [
    "dispatch",
    "wake/hub",
  ]);
  await attempt("machines", () => underLoad(), withOperator);
  await attempt(
    "at-rest",
    async () => {
      await using world = await startBenchWorld(host, sizes);
      await measureEmpty(world, sheet);
      if (wanted(["restart", "idle", "memory/objects", "cpu/idle-with-objects"]))
        await measureAtRest(world, sheet);
    },
    atRest,
  );
  reportLater(sheet);

  const { rows } = sheet;
  process.stdout.write(`${tableOf(rows)}\n\n${legend}\n`);
  const took = Math.round((clock.monotonic() - begunAt) / 1000);
  const about = {
    node: process.version,
    cores: cpus().length,
    loadAverage: loadavg()[0],
    tookSeconds: took,
    quick: quick === true,
  };
  if (json === true) process.stdout.write(`${jsonOf(rows, about)}\n`);
  if (sheet.anyFailed) process.exitCode = 1;

  async function underLoad(): Promise<void> {
    await using world = await startBenchWorld(host, sizes);
    await using operator = await startOperatorProcess(world.capfnKubeconfig, clock);
    const before = await operator.scrape();
    const floor = await startFloor(world.client.management, clock);
    await attempt("create", () => measureMachines(world, sheet), [
      "floor",
      "create",
      "delete",
      "wake/operator",
    ]);
    reportFloor(sheet, await floor.stop());
    if (wanted(["wake/operator"])) reportWakes({ before, after: await operator.scrape() });
    await attempt("pool", () => measureWaitingPool(world, sheet));
    await attempt("dead-cluster", () => measureDeadCluster(world, sheet));
    const { resident, peak } = await operator.memory();
    sheet.measured({
      id: "create/memory-afterwards",
      what: "resident memory of capfn run after all that",
      unit: "MB",
      value: resident,
      note: `peak ${peak.toFixed(0)} MB`,
    });
  }

  function reportWakes(scrapes: { readonly before: Scrape; readonly after: Scrape }): void {
    for (const [name, q] of [
      ["p50", 0.5],
      ["p99", 0.99],
    ] as const) {
      const value = histogramQuantile("capfn_wake_latency_seconds", q, scrapes) * 1000;
      const what = `delta -> handler entered, all steps of the machines above, waiting for their key included, ${name}`;
      sheet.measured({ id: `wake/operator/${name}`, what, unit: "ms", value, target: q === 0.5 ? 1 : 10 });
    }
  }
}

function reportFloor(sheet: Sheet, values: readonly number[]): void {
  const what = "one write of the bench itself until its own watch delivers it, beside the machines above";
  for (const [name, q] of [
    ["p50", 0.5],
    ["p99", 0.99],
  ] as const) {
    sheet.measured({
      id: `floor/write-to-watch/${name}`,
      what: `${what}, ${name}`,
      unit: "ms",
      value: quantile(values, q),
    });
  }
}

const legend = [
  "Requests are counted in the audit logs of real kube-apiservers, by user, watches apart; H Harvester, M management, W workload cluster.",
  "Latencies run from just before the simulator's write until a watch of the bench, apart from capfn's, delivers capfn's write; both API servers'",
  "work is in them, and with it the load of this machine: compare with floor/write-to-watch. Memory is that of a process of its own, with nothing in it but capfn run.",
].join("\n");

await new Command("bench")
  .description(
    "Measures capfn on this machine: real etcd and kube-apiservers, a simulated Harvester, capfn in a process of its own.\n" +
      "Cluster API core is played, so that 100 machines fit into minutes. Takes about 8 minutes; --quick about 2.",
  )
  .option("--json", "print one JSON object with all rows as the last line")
  .option(
    "--only <row prefix>",
    "measure only what has rows that begin so, e.g. create, delete/h, pool, restart",
    "",
  )
  .option("--quick", "smaller numbers: fewer machines, shorter waits")
  .addHelpText(
    "after",
    "\nA missed target is reported, not an error; the exit code is 1 when a measurement could not be made.\n" +
      "Rows without a target are for information; rows that cannot be measured yet are listed with the reason.\n" +
      "\nExamples:\n  npm run bench -- --quick\n  npm run bench -- --json | tail -n 1 | jq '.rows | map_values(select(.met == false))'\n" +
      "  npm run bench -- --only pool",
  )
  .action((flags: Flags) => bench(flags))
  .parseAsync();
