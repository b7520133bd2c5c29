import { readFile, writeFile } from "node:fs/promises";
import { allFunctions as functionsUnderTest } from "#cli/functions.ts";
import { runTrial } from "#test/chaos/trial.ts";
import { openTheatre } from "#test/chaos/theatre.ts";
import { scenarioNamed } from "#test/chaos/scenarios.ts";
import { toJsonLines } from "#test/chaos/trace.ts";
import { differences } from "#test/chaos/canonical.ts";
import type { Stage } from "#test/chaos/stage.ts";

const plain = JSON.parse(await readFile("/tmp/stage.json", "utf8"));
const stage = Object.fromEntries(
  ["M", "H", "W"].map((a) => [
    a,
    { config: (u: string) => plain[a].configs[u], kubeconfig: plain[a].kubeconfig },
  ]),
) as unknown as Stage;
const keep = setInterval(() => {}, 1000);
const t0 = Date.now();
await using theatre = await openTheatre(stage);
console.log("theatre", Date.now() - t0);
for (const name of process.argv.slice(2)) {
  const scenario = scenarioNamed(name);
  const a = await runTrial(theatre, { scenario, functions: functionsUnderTest, seed: 1 });
  const b = await runTrial(theatre, { scenario, functions: functionsUnderTest, seed: 2 });
  console.log(
    name,
    Math.round(a.ms),
    Math.round(b.ms),
    "calls",
    a.trace.filter((e) => e.at === "call").length,
    "deltas",
    a.trace.filter((e) => e.at === "delta").length,
  );
  console.log(a.violations, b.violations);
  console.log(differences(a.state, b.state));
  console.log(Object.fromEntries(a.counts));
  await writeFile(`/tmp/trace-${name}.jsonl`, toJsonLines(a.trace));
  await writeFile(`/tmp/state-${name}.txt`, [...a.state].map(([k, v]) => `${k} = ${v}`).join("\n"));
  console.log(theatre.troubles.splice(0));
}
console.log("end");
void theatre[Symbol.asyncDispose]().then(() => {
  clearInterval(keep);
  process.exit(0);
});
