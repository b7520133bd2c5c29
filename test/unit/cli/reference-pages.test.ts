import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import * as names from "#api/condition-names.ts";
import { conditionSections, generateConditionsPage } from "#cli/generate/conditions-page.ts";
import { generateCommandLinePage } from "#cli/generate/command-line-page.ts";
import { generateMetricsPage } from "#cli/generate/metrics-page.ts";
import { createMetrics } from "#platform/observability/metrics.ts";
import { repository } from "#test/support/documentation.ts";

/** The product's own code, but for the names themselves and their page. */
const code = globSync("{functions,platform,events,cli}/**/*.ts", { cwd: repository })
  .filter((file) => !file.startsWith("cli/generate/"))
  .map((file) => readFileSync(join(repository, file), "utf8"))
  .join("\n");
const isUsed = (name: string) => new RegExp(`\\b${name}\\b`).test(code);
const [page = ""] = generateConditionsPage().values();

describe("the page of conditions [check 142]", () => {
  const types = conditionSections.flatMap(([, meanings]) => Object.keys(meanings));
  const reasons = conditionSections.flatMap(([, meanings]) =>
    Object.values(meanings).flatMap(({ reasons: each }) => Object.keys(each)),
  );

  it("has every condition and reason there is a name for, each with its meaning [check 142]", () => {
    const named = Object.values(names).flatMap((group) => Object.keys(group));
    expect(named.filter((name) => !types.includes(name) && !reasons.includes(name))).toEqual([]);
    expect(new Set(named).size).toBeGreaterThan(80);
    for (const name of named) expect(page).toContain(name);
  });

  it("has none that the product's code never says [check 142]", () => {
    expect([...types, ...reasons].filter((name) => !isUsed(name))).toEqual([]);
  });
});

it("the page of metrics has every metric and no other [check 142]", () => {
  const [metrics = ""] = generateMetricsPage().values();
  const listed = [...metrics.matchAll(/^\| `(\w+)` \| (counter|gauge|histogram) \| .* \| .+ \|$/gm)];
  const { registry } = createMetrics(() => expect.fail("nothing is scraped"));
  const there = registry.getMetricsAsArray().map(({ name }) => name);
  expect(listed.map(([, name]) => name)).toEqual(there.toSorted());
});

it("the page of the command line has every command with its flags [check 142]", () => {
  const [commands = ""] = generateCommandLinePage().values();
  expect(commands).toMatch(/^## capfn run$/m);
  expect(commands).toMatch(/^## capfn simulate /m);
  expect(commands).toMatch(/^\| `--leader-elect` \| act only while holding the Lease capfn-hub .*\| {2}\|$/m);
  expect(commands).toMatch(/^\| `--metrics-bind-address <address>` \| .* \| `:8080` \|$/m);
  expect(commands.match(/^## /gm)?.length).toBeGreaterThan(15);
});
