import { cpus, loadavg } from "node:os";
import { Command } from "commander";
import { systemClock } from "#platform/process/clock.ts";
import { processEnvironment } from "#platform/process/environment.ts";
import { measure } from "#test/bench/measurements.ts";
import { jsonOf, Sheet, tableOf } from "#test/bench/sheet.ts";
import { fullSizes, quickSizes } from "#test/bench/sizes.ts";

interface Flags {
  readonly json?: boolean;
  readonly quick?: boolean;
  readonly only: string;
  readonly requestRate?: string;
}

async function bench({ json, quick = false, only, requestRate }: Flags): Promise<void> {
  const clock = systemClock();
  const begunAt = clock.monotonic();
  const seconds = (): number => Math.round((clock.monotonic() - begunAt) / 1000);
  const progress = (line: string): void =>
    void process.stderr.write(`${String(seconds()).padStart(4)} s  ${line}\n`);
  const sheet = new Sheet(only, progress);
  await measure({
    host: { environment: processEnvironment(), clock, progress },
    sizes: quick ? quickSizes : fullSizes,
    sheet,
    only,
    requestRate,
  });
  const { rows } = sheet;
  process.stdout.write(`${tableOf(rows)}\n\n${legend}\n`);
  const about = {
    node: process.version,
    cores: cpus().length,
    loadAverage: loadavg()[0],
    seconds: seconds(),
    quick,
  };
  if (json === true) process.stdout.write(`${jsonOf(rows, about)}\n`);
  if (rows.length === 0) progress(`no row begins with "${only}"; without --only all rows are listed`);
  if (rows.length === 0 || sheet.anyFailed) process.exitCode = 1;
}

const legend = [
  "Requests are counted in the audit logs of real kube-apiservers, by user, watches apart; H Harvester, M management, W workload cluster.",
  "Latencies run from just before the simulator's write until a watch of the bench, apart from capfn's, delivers capfn's write. The work of both",
  "API servers is in them, and with it the load of this machine: compare with floor/write-to-watch. Memory is that of a process of its own, with",
  "nothing in it but capfn run.",
].join("\n");

await new Command("bench")
  .description(
    "Measures capfn on this machine: real etcd and kube-apiservers, a simulated Harvester, capfn in a process of its own.\n" +
      "Cluster API core is played, so that 100 machines fit into minutes. Takes about 8 minutes on two idle cores; --quick about 3.",
  )
  .option("--json", "print one JSON object with all rows as the last line")
  .option(
    "--only <row prefix>",
    "measure only what has rows that begin so, e.g. create, delete/h, pool, restart, coldstart",
    "",
  )
  .option("--quick", "smaller numbers: fewer machines, shorter waits")
  .option("--request-rate <n>", "start capfn with this --request-rate instead of its default")
  .addHelpText(
    "after",
    "\nA missed target is reported, not an error; the exit code is 1 when a measurement could not be made.\n" +
      "Rows without a target are for information; rows that cannot be measured yet are listed with the reason.\n" +
      "\nExamples:\n  npm run bench -- --quick\n  npm run bench -- --json | tail -n 1 | jq '.rows | map_values(select(.met == false))'\n" +
      "  npm run bench -- --only pool\n  npm run bench -- --only coldstart --json",
  )
  .action((flags: Flags) => bench(flags))
  .parseAsync();
