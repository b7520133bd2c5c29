import { glob, readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { allFunctions } from "#cli/functions.ts";
import { brokenDayTwo, type DayTwoBreakage } from "#test/chaos/broken-day-two.ts";
import { type Breakage, broken } from "#test/chaos/broken-functions.ts";
import { runCampaign, runPlan } from "#test/chaos/campaign.ts";
import { learn } from "#test/chaos/oracle.ts";
import { describePlan, parsePlan, type Plan } from "#test/chaos/plan.ts";
import { scenarioNamed, scenarios } from "#test/chaos/scenarios.ts";
import { stageWithWorkload } from "#test/chaos/shared-stage.ts";
import { openTheatre, type Theatre } from "#test/chaos/theatre.ts";
import { runTrial } from "#test/chaos/trial.ts";

const SEED = Number(process.env["CAPFN_FAULT_SEED"] ?? 20_261);
const SAMPLE_MS = Number(process.env["CAPFN_FAULT_SECONDS"] ?? 150) * 1_000;

let theatre: Theatre;
const undo = new AsyncDisposableStack();
beforeAll(async () => {
  const stage = undo.use(await stageWithWorkload());
  theatre = undo.use(await openTheatre(stage));
});
afterAll(() => undo.disposeAsync());

test(
  "a seeded sample of the generated fault plans ends as without faults, and breaks no rule on the way",
  { timeout: SAMPLE_MS + 900_000 },
  async () => {
    const sum = await runCampaign(theatre, {
      scenarios,
      functions: allFunctions,
      seed: SEED,
      forMs: SAMPLE_MS,
      atOnce: 4,
    });
    const { generated, plans, faults, violations, ms } = sum;
    process.stderr.write(
      `fault plans: ${plans} of ${generated} run (seed ${SEED}), ${faults} faults injected, ${violations} violations, ${Math.round(ms / 1000)} s\n`,
    );
    expect(sum.failed).toEqual([]);
    expect(plans).toBeGreaterThan(0);
  },
);

test("plans that once found a mistake find none any more", { timeout: 120_000 }, async () => {
  const folder = join(import.meta.dirname, "../chaos/plans");
  for await (const file of glob("*.json", { cwd: folder })) {
    const plan = parsePlan(await readFile(join(folder, file), "utf8"));
    expect((await runPlan(theatre, plan, allFunctions)).violations, describePlan(plan)).toEqual([]);
  }
});

describe("whoever judges finds", () => {
  test.each<readonly [Breakage, string, RegExp]>([
    ["early-release", "delete-static", /address of the live VM .* is free/],
    ["hasty-finalizer", "delete-static", /finalizer .* removed while (its VM exists|it has .*secrets)/],
    ["miscounted-pool", "create-static", /at rest: available/],
  ])("%s, without any fault", async (breakage, name, sign) => {
    const functions = broken(allFunctions, breakage);
    const { violations } = await runTrial(theatre, { scenario: scenarioNamed(name), functions, seed: SEED });
    expect(violations.join("\n")).toMatch(sign);
  });

  test.each<readonly [DayTwoBreakage, string, RegExp]>([
    ["another-member", "etcd-remove-leader", /member cp\d was removed while its machine stays/],
    [
      "blind-to-member",
      "etcd-remove-leader",
      /the hook of machine .* was taken off while its member is in etcd/,
    ],
    ["all-instances", "remediate-reboot", /instance .*-m2 was stopped, and no step names it/],
    ["half-a-pair", "cert-reissue", /has lost its client certificate/],
  ])("%s, without any fault", { timeout: 120_000 }, async (breakage, name, sign) => {
    const functions = brokenDayTwo(allFunctions, breakage);
    const { violations } = await runTrial(theatre, { scenario: scenarioNamed(name), functions, seed: SEED });
    expect(violations.join("\n")).toMatch(sign);
  });

  test("second-vm, when the answer to the VM's creation is lost while Harvester's watches lag", async () => {
    const scenario = scenarioNamed("create-static");
    const reference = await learn(theatre, scenario, allFunctions, SEED);
    const plan: Plan = {
      seed: SEED,
      scenario: scenario.name,
      faults: [
        {
          fault: { kind: "stale", forMs: 800 },
          trigger: { at: "delta", api: "H", resource: "ippools", name: "TRIAL-pool", nth: 2 },
        },
        {
          fault: { kind: "answer-lost" },
          trigger: {
            at: "call",
            by: "vm-create",
            api: "H",
            verb: "create",
            resource: "virtualmachines",
            name: "",
            nth: 1,
          },
        },
      ],
    };
    const functions = broken(allFunctions, "second-vm");
    const { violations } = await runPlan(theatre, plan, functions, reference);
    expect(violations.join("\n")).toMatch(/two VMs with one machine identity/);
    expect((await runPlan(theatre, plan, allFunctions, reference)).violations).toEqual([]);
  });

  test("a state that differs from the fault-free one by the difference alone", async () => {
    const scenario = scenarioNamed("create-dhcp");
    const { judge } = await learn(theatre, scenario, allFunctions, SEED);
    const shrunk = allFunctions.map((fn) => ({
      ...fn,
      run: (...[items, lookup, deps]: Parameters<typeof fn.run>) =>
        fn.run(items, lookup, {
          ...deps,
          harvester: async (identity) => {
            const client = await deps.harvester(identity);
            return {
              ...client,
              create: (type, object, options) =>
                client.create(
                  type,
                  { ...object, metadata: { ...object.metadata, annotations: undefined } },
                  options,
                ),
            };
          },
        }),
    }));
    const end = await runTrial(theatre, { scenario, functions: shrunk, seed: SEED });
    expect(end.violations).toEqual([]);
    expect(judge(end).join("\n")).toMatch(
      /count: persistentvolumeclaims .*: 1 made, 0 gone became \(absent\)/,
    );
  });
});
