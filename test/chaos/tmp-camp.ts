import { readFile, writeFile } from "node:fs/promises";
import { allFunctions as functionsUnderTest } from "#cli/functions.ts";
import { openTheatre } from "#test/chaos/theatre.ts";
import { scenarios, scenarioNamed } from "#test/chaos/scenarios.ts";
import { runCampaign } from "#test/chaos/campaign.ts";
import { describePlan } from "#test/chaos/plan.ts";
import type { Stage } from "#test/chaos/stage.ts";

const plain = JSON.parse(await readFile("/tmp/stage.json", "utf8"));
const stage = Object.fromEntries(
  ["M", "H", "W"].map((a) => [
    a,
    { config: (u: string) => plain[a].configs[u], kubeconfig: plain[a].kubeconfig },
  ]),
) as unknown as Stage;
setInterval(() => {}, 1000);
const theatre = await openTheatre(stage);
const [names = "all", seconds = "30", atOnce = "4", filter = ".", seed = "1"] = process.argv.slice(2);
const chosen = names === "all" ? scenarios : names.split(",").map(scenarioNamed);
let slow = 0;
const sum = await runCampaign(theatre, {
  scenarios: chosen,
  functions: functionsUnderTest,
  seed: Number(seed),
  forMs: Number(seconds) * 1000,
  atOnce: Number(atOnce),
  where: (plan) => new RegExp(filter).test(describePlan(plan)),
  onPlan: (plan, result) => {
    slow = Math.max(slow, result.ms);
    if (result.violations.length > 0)
      console.log("VIOLATION", describePlan(plan), Math.round(result.ms), result.violations.slice(0, 8));
    if (result.fired < plan.faults.length && process.env["V"]) console.log("not fired", describePlan(plan));
    if (process.env["V"]) console.log(describePlan(plan), Math.round(result.ms));
  },
});
console.log({ ...sum, failed: sum.failed.length, slow });
await writeFile("/tmp/failed.json", JSON.stringify(sum.failed, null, 1));
console.log(theatre.troubles.slice(0, 5));
process.exit(0);
