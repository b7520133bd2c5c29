import { existsSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { Command } from "commander";
import { describe, expect, it } from "vitest";
import * as z from "zod";
import {
  clusterConditions,
  clusterReasons,
  injectionConditions,
  machineConditions,
  machineReasons,
  pausedReasons,
  readyReasons,
  remediationConditions,
  remediationReasons,
} from "#api/condition-names.ts";
import { customResources } from "#api/custom-resources.ts";
import { addAlertCommand } from "#cli/commands/alert.ts";
import { addContractCheckCommand } from "#cli/commands/contract-check.ts";
import { addBackupCommand } from "#cli/commands/backup.ts";
import { addDemoCommand } from "#cli/commands/demo.ts";
import { addDiagnoseCommand } from "#cli/commands/diagnose.ts";
import { addEmitCommand } from "#cli/commands/emit.ts";
import { addEventsCommand } from "#cli/commands/events.ts";
import { addGenerateCommand } from "#cli/commands/generate.ts";
import { addHubCommand } from "#cli/commands/hub.ts";
import { addMigrateCommand } from "#cli/commands/migrate.ts";
import { addParkedCommands } from "#cli/commands/parked.ts";
import { addRestoreCommand } from "#cli/commands/restore.ts";
import { addRunCommand } from "#cli/commands/run.ts";
import { addServeCommand } from "#cli/commands/serve.ts";
import { addSimulateCommand } from "#cli/commands/simulate.ts";
import { addTraceCommand } from "#cli/commands/trace.ts";
import { addWhyCommand } from "#cli/commands/why.ts";
import { allFunctions } from "#cli/functions.ts";
import { processTerminal } from "#cli/terminal.ts";
import { resourceTypeOf } from "#platform/control-plane/install-manifests.ts";
import * as resources from "#platform/kube/resources.ts";
import { createMetrics } from "#platform/observability/metrics.ts";
import {
  anchors,
  codeSpans,
  commandLines,
  handwrittenPages,
  links,
  objectsIn,
  productSources,
  readPage,
  repository,
  taskPages,
  words,
} from "#test/support/documentation.ts";

const pages = handwrittenPages();
const tasks = taskPages();
const running = readPage("docs/tasks/running.md");
const sources = productSources();

/** Every finding of a check on the pages, with the page it is on. */
function onEachPage(of: typeof pages, find: (page: (typeof pages)[number]) => string[]): string[] {
  return of.flatMap((page) => find(page).map((finding) => `${page.path}: ${finding}`));
}

/** The command line as `capfn` builds it; its commands do nothing and its errors are thrown. */
function quietProgram(): Command {
  const program = new Command("capfn").version("0");
  const terminal = processTerminal();
  for (const add of [
    addContractCheckCommand,
    addDemoCommand,
    addRunCommand,
    addServeCommand,
    addHubCommand,
    addWhyCommand,
    addTraceCommand,
    addDiagnoseCommand,
    addParkedCommands,
    addEventsCommand,
    addEmitCommand,
    addAlertCommand,
    addGenerateCommand,
    addMigrateCommand,
    addBackupCommand,
    addRestoreCommand,
    addSimulateCommand,
  ])
    add(program, terminal);
  for (const command of [program, ...program.commands.flatMap((each) => [each, ...each.commands])]) {
    command.exitOverride().configureOutput({ writeErr: () => undefined, writeOut: () => undefined });
    if (command !== program) command.action(() => undefined);
  }
  return program;
}

/** Undefined when `capfn` understands the arguments, else its complaint. */
function complaint(args: readonly string[]): string | undefined {
  try {
    quietProgram().parse([...args], { from: "user" });
    return undefined;
  } catch (error) {
    return `capfn ${args.join(" ")}: ${error instanceof Error ? error.message : String(error)}`;
  }
}

describe("the pages", () => {
  it("link to files and headings that exist", () => {
    const broken = onEachPage(pages, (page) =>
      links(page)
        .filter((target) => !/^https?:/.test(target))
        .filter((target) => {
          const [file = "", anchor] = target.split("#");
          const path = file === "" ? page.path : normalize(join(dirname(page.path), file));
          if (!existsSync(join(repository, path))) return true;
          return anchor !== undefined && !anchors(readPage(path)).includes(anchor);
        }),
    );
    expect(broken).toEqual([]);
  });

  it("are all linked from the README, runbooks from theirs", () => {
    const runbooks = links(readPage("docs/runbooks/README.md")).map((name) => `docs/runbooks/${name}`);
    const linked = [...links(readPage("README.md")), ...runbooks];
    expect(tasks.map(({ path }) => path).filter((path) => !linked.includes(path))).toEqual([]);
  });

  it("of runbooks say what functions do, what is shown and what is left to a person", () => {
    const books = tasks.filter(({ path }) => /^docs\/runbooks\/(?!README)/.test(path));
    expect(books.length).toBeGreaterThan(5);
    const parts = [/^\*\*Seen:\*\*/m, /^## What (functions|the hub) do(es)?$/m, /^## Left to a person$/m];
    const missing = onEachPage(books, ({ prose }) => parts.filter((part) => !part.test(prose)).map(String));
    expect(missing).toEqual([]);
  });

  it("name functions that exist", () => {
    const known = [...allFunctions.map(({ name }) => name), "cert-manager", "cloud-init", "kube-system"];
    const strange = onEachPage(tasks, (page) =>
      page.path.startsWith("docs/runbooks/")
        ? codeSpans(page).filter((span) => /^[a-z]+-[a-z]+$/.test(span) && !known.includes(span))
        : [],
    );
    expect(strange).toEqual([]);
  });

  it("name files and folders that exist", () => {
    const rooms = /^(api|cli|docs|events|functions|manifests|platform|test)\/[\w./-]*$/;
    const missing = onEachPage(pages, (page) =>
      codeSpans(page).filter((span) => rooms.test(span) && !existsSync(join(repository, span))),
    );
    expect(missing).toEqual([]);
  });

  it("say nothing of things that are not part of the product", () => {
    const strange = onEachPage(pages, ({ text }) => text.match(/\/work\/|\/tmp\/|\bspec files?\b/g) ?? []);
    expect(strange).toEqual([]);
  });
});

describe("the command lines of the pages", () => {
  it("are understood by capfn", () => {
    let checked = 0;
    const wrong = onEachPage(pages, (page) =>
      commandLines(page).flatMap((line) => {
        const [, args] = /(?:^|[;&|] )(?:npx )?capfn ([a-z].*)$/.exec(line) ?? [];
        if (args === undefined) return [];
        checked += 1;
        // A command's name alone is the name of the command.
        const [command = "", ...rest] = words(args);
        if (rest.length === 0)
          return quietProgram().commands.some((each) => each.name() === command)
            ? []
            : [`no command ${command}`];
        const found = complaint([command, ...rest]);
        return found === undefined ? [] : [found];
      }),
    );
    expect(wrong).toEqual([]);
    expect(checked).toBeGreaterThan(10);
  });

  it("run scripts that exist", () => {
    const { scripts } = z
      .object({ scripts: z.record(z.string(), z.string()) })
      .parse(JSON.parse(readFileSync(join(repository, "package.json"), "utf8")));
    const missing = onEachPage(pages, (page) =>
      commandLines(page)
        .flatMap((line) => [...line.matchAll(/\bnpm run ([\w:]+)/g)].map(([, name = ""]) => name))
        .filter((name) => !(name in scripts)),
    );
    expect(missing).toEqual([]);
  });

  it("and the arguments of the containers use flags that exist", () => {
    const argsSchema = z.array(z.string());
    const found: string[][] = [];
    const collect = (value: unknown): void => {
      if (typeof value !== "object" || value === null) return;
      for (const [key, each] of Object.entries(value)) {
        const args = key === "args" ? argsSchema.safeParse(each).data : undefined;
        if (args === undefined) collect(each);
        else found.push(args);
      }
    };
    const yaml = tasks.flatMap(({ examples }) => examples).filter(({ language }) => language === "yaml");
    for (const { text } of yaml) collect(objectsIn(text));
    expect(found.length).toBeGreaterThan(1);
    expect(found.map(complaint).filter((each) => each !== undefined)).toEqual([]);
  });

  it("and flags in the text are flags of capfn", () => {
    const known = quietProgram().commands.flatMap((command) =>
      command.options.flatMap(({ long, short }) => [long, short]),
    );
    const unknown = onEachPage(tasks, (page) =>
      codeSpans(page).filter((span) => /^--?[a-z][\w-]*$/.test(span) && !known.includes(span)),
    );
    expect(unknown).toEqual([]);
  });

  it("and the table of flags has every flag of run with its default", () => {
    const run = quietProgram().commands.find((command) => command.name() === "run");
    const missing = (run?.options ?? [])
      .filter(({ long, defaultValue }) => {
        const row = running.prose
          .split("\n")
          .find((line) => line.startsWith("|") && line.includes(`\`${long}\``));
        return (
          row === undefined || (defaultValue !== undefined && !row.includes(`\`${String(defaultValue)}\``))
        );
      })
      .map(({ long }) => long);
    expect(missing).toEqual([]);
  });
});

describe("the names in the pages", () => {
  const conditionTypes: readonly string[] = [
    ...Object.keys(clusterConditions),
    ...Object.keys(machineConditions),
    ...Object.keys(remediationConditions),
    ...Object.keys(injectionConditions),
  ];
  const conditionWords: readonly string[] = [
    ...conditionTypes,
    ...[clusterReasons, machineReasons, pausedReasons, readyReasons].flatMap((names) => Object.keys(names)),
  ];
  const kinds = [
    ...Object.values(resources).map(({ kind }) => kind),
    ...customResources.map(({ kind }) => kind),
  ];
  /** Whether the word occurs in the product, names of conditions as something that is used. */
  const used = (word: string) => new RegExp(`\\b${word}\\b`).test(sources);

  it("of conditions are types that something sets", () => {
    const stated = onEachPage(tasks, (page) =>
      codeSpans(page)
        .flatMap((span) => /^(\w+)=(?:True|False|Unknown)$/.exec(span)?.[1] ?? [])
        .filter((type) => !used(type) || (!conditionTypes.includes(type) && type !== "Thrashing")),
    );
    expect(stated).toEqual([]);
  });

  it("of reasons, Events and kinds exist and are used", () => {
    const unknown = onEachPage(tasks, (page) =>
      codeSpans(page)
        .filter((span) => /^[A-Z][a-z]*([A-Z]+[a-z]*)+$/.test(span))
        .filter((word) => !kinds.includes(word) && !used(word)),
    );
    expect(unknown).toEqual([]);
  });

  it("leave out no reason a machine or cluster can have", () => {
    const page = [...tasks].map(({ text }) => text).join("\n");
    const told = new Set(page.match(/\w+/g));
    // What says that all is well, or is passed through in a moment.
    const ordinary = [
      "HarvesterConnectionInProgress",
      "TargetNamespaceChecking",
      "InfrastructureProvisioningFailed",
    ];
    const wellKnown = [...Object.keys(pausedReasons), ...Object.keys(readyReasons), ...ordinary];
    const silent = conditionWords
      .filter((word) => new RegExp(`(?:clusterReasons|machineReasons)\\.${word}\\b`).test(sources))
      .filter((word) => !told.has(word) && !wellKnown.includes(word));
    expect(silent).toEqual([]);
  });

  it("leave out no reason a remediation can have", () => {
    const told = new Set(readPage("docs/tasks/remediation.md").text.match(/\w+/g));
    // What says that the machine was found.
    const silent = Object.keys(remediationReasons).filter(
      (word) => !told.has(word) && word !== remediationReasons.MachineFound,
    );
    expect(silent).toEqual([]);
  });

  it("of labels and annotations are those of the code, or of a project they belong to", () => {
    const foreign = [
      "cluster.x-k8s.io/v1beta2",
      "clusterctl.cluster.x-k8s.io/move",
      "kubernetes.io/service-account.name",
      // Not a label: a Machine, as an argument of capfn why.
      "machine.cluster.x-k8s.io/demo-cp-1",
      "kubernetes.io/service-account-token",
      "rbac.authorization.k8s.io/v1",
    ];
    const shape =
      /(?:[a-z0-9-]+\.)+(?:x-k8s|k8s|kubernetes|harvesterhci|capfn)(?:\.io|\.dev)\/[\w.-]+|\bcapfn\.dev\/[\w-]+/g;
    const unknown = onEachPage(tasks, ({ text }) =>
      [...new Set(text.match(shape) ?? [])]
        .filter((name) => !foreign.includes(name))
        .filter((name) => !sources.includes(name) && !/\/v\d/.test(name)),
    );
    expect(unknown).toEqual([]);
  });

  it("of HTTP paths are served", () => {
    const served = [
      ...sources.matchAll(/(?:^ {4}"(?=\/[a-z]+[^"]*": (?:async )?\()|server\.post\(")(\/[a-z]+)/gm),
    ].map(([, path]) => path);
    const unknown = onEachPage(tasks, (page) =>
      codeSpans(page)
        .flatMap((span) => /^(\/[a-z]+)(?:\/|$)/.exec(span)?.[1] ?? [])
        .filter((path) => !served.includes(path)),
    );
    expect(unknown).toEqual([]);
    expect(served.length).toBe(7);
  });

  it("of metrics exist, and something moves each of those that are no gauges [check 142]", () => {
    const { registry, count: _count, ...own } = createMetrics(() => expect.fail("nothing is scraped"));
    const idle = Object.keys(own).filter((name) => !new RegExp(`[.,{]\\s*${name}\\b(?!:)`).test(sources));
    expect(idle).toEqual([]);
    const all = registry.getMetricsAsArray().map(({ name }) => name);
    const mentioned = pages.flatMap(({ text }) => text.match(/\bcap(?:fn|hv)_\w+/g) ?? []);
    expect(mentioned.filter((name) => !all.includes(name) && !name.endsWith("_"))).toEqual([]);
  });
});

describe("the examples of the pages", () => {
  it("are YAML of Kubernetes objects, in a language the reader's editor knows", () => {
    const languages = new Set(tasks.flatMap(({ examples }) => examples.map(({ language }) => language)));
    expect([...languages].filter((language) => !["", "sh", "yaml", "dockerfile"].includes(language))).toEqual(
      [],
    );
    const objects = tasks
      .flatMap(({ examples }) => examples)
      .filter(({ language }) => language === "yaml")
      .flatMap(({ text }) => objectsIn(text));
    expect(objects.map((object) => resourceTypeOf(object).plural)).toContain("harvesterclusters");
  });
});
