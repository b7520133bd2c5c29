import { Command } from "commander";
import { describe, expect, it } from "vitest";
import { parseAllDocuments } from "yaml";
import { addHubCommand } from "#cli/commands/hub.ts";
import { addRunCommand } from "#cli/commands/run.ts";
import { addServeCommand } from "#cli/commands/serve.ts";
import { deployManifests } from "#cli/generate/deploy/index.ts";
import { processTerminal } from "#cli/terminal.ts";

interface Container {
  readonly command: string[];
  readonly args: string[];
  readonly securityContext: object;
  readonly resources: { limits: object };
}

/** Every container of the manifests, with the file it is in. */
function containers(): { path: string; container: Container }[] {
  return [...deployManifests()].flatMap(([path, text]) =>
    parseAllDocuments(text).flatMap((document) =>
      found(document.toJS()).map((container) => ({ path, container })),
    ),
  );
}

function found(value: unknown): Container[] {
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, child]) =>
    key === "containers" ? (child as Container[]) : found(child),
  );
}

/** Undefined when capfn understands the arguments. */
function complaint(args: readonly string[]): string | undefined {
  const program = new Command("capfn");
  for (const add of [addRunCommand, addHubCommand, addServeCommand]) add(program, processTerminal());
  for (const command of [program, ...program.commands]) {
    command.exitOverride().configureOutput({ writeErr: () => undefined });
    if (command !== program) command.action(() => undefined);
  }
  try {
    program.parse([...args], { from: "user" });
    return undefined;
  } catch (error) {
    return `${args.join(" ")}: ${String(error)}`;
  }
}

describe("the containers of the manifests", () => {
  it("are started with flags that capfn has", () => {
    const all = containers();
    expect(all.length).toBeGreaterThan(40);
    const wrong = all.map(({ container: { command, args } }) => {
      const fn = /^\/app\/functions\/(.*)\.mjs$/.exec(command.at(-1) ?? "")?.[1];
      return complaint(fn === undefined ? args : ["serve", fn, ...args]);
    });
    expect(wrong.filter((each) => each !== undefined)).toEqual([]);
  });

  it("fit the Pod Security Standard restricted, with a read-only root file system and a limit of memory", () => {
    for (const { path, container } of containers()) {
      expect(container.securityContext, path).toEqual({
        runAsNonRoot: true,
        runAsUser: 65_532,
        runAsGroup: 65_532,
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ["ALL"] },
        seccompProfile: { type: "RuntimeDefault" },
      });
      expect(Object.keys(container.resources.limits), path).toEqual(["memory"]);
    }
  });
});
