import { readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { describe, expect, it } from "vitest";

const root = join(import.meta.dirname, "..");

/** Rooms of the house and what each may import, besides itself. */
const mayImport: Readonly<Record<string, readonly string[]>> = {
  api: [],
  "platform/process": [],
  platform: ["api"],
  "events/catalog": ["api"],
  "functions/contract": ["events/catalog", "platform"],
  events: ["functions/contract", "events/catalog", "platform", "api"],
  functions: ["functions/contract", "events/catalog", "platform", "api"],
  cli: ["events", "functions", "functions/contract", "platform", "api", "events/catalog"],
};

const files = ["api", "events", "functions", "platform", "cli"].flatMap((room) => sources(room));

describe("the house", () => {
  it("has imports in the allowed directions only", () => {
    const wrong = files.flatMap((file) =>
      importsOf(file)
        .filter((target) => !allowed(file, target))
        .map((target) => `${file} imports ${target}`),
    );
    expect(wrong).toEqual([]);
  });

  it("has no function that imports another function's folder", () => {
    const wrong = files.flatMap((file) => {
      const own = functionFolder(file);
      return importsOf(file)
        .filter(
          (target) =>
            functionFolder(target) !== undefined &&
            functionFolder(target) !== own &&
            !file.startsWith("cli/"),
        )
        .map((target) => `${file} imports ${target}`);
    });
    expect(wrong).toEqual([]);
  });

  it("imports zod and nothing else in the resource types", () => {
    const wrong = sources("api").flatMap((file) =>
      packagesOf(file)
        .filter((name) => name !== "zod")
        .map((name) => `${file} imports ${name}`),
    );
    expect(wrong).toEqual([]);
  });

  it("loads @kubernetes/client-node in one place, for the command line only", () => {
    const users = files.filter((file) =>
      /from "@kubernetes\/client-node"|import\("@kubernetes\/client-node"\)/.test(text(file)),
    );
    expect(users).toEqual(["platform/kube/kubeconfig-file.ts"]);
  });

  it("reads the clock and the environment in one place each", () => {
    const clock = files.filter((file) =>
      /\bDate\.now\(|\bperformance\.now\(|\bsetTimeout\(|\bnew Date\(\)/.test(code(file)),
    );
    const environment = files.filter((file) => /\bprocess\.env\b/.test(code(file)));
    expect(clock).toEqual(["platform/process/clock.ts"]);
    expect(environment).toEqual(["platform/process/environment.ts"]);
  });

  it("has no file near 400 lines and no room that could hold anything", () => {
    const long = files.filter((file) => text(file).split("\n").length > 380);
    const vague = files.filter((file) =>
      /(^|\/)(utils?|helpers?|common|misc|shared|core|manager|service)(\.ts|\/)/.test(file),
    );
    expect([...long, ...vague]).toEqual([]);
  });

  it("says what every exported thing of the contract means", () => {
    const bare = sources("functions/contract").flatMap((file) =>
      [...text(file).matchAll(/(?<doc>\*\/\n)?^export (?:interface|type|function|const) (?<name>\w+)/gm)]
        .filter(({ groups }) => groups?.["doc"] === undefined)
        .map(({ groups }) => `${file}: ${groups?.["name"] ?? ""}`),
    );
    expect(bare).toEqual([]);
  });
});

function sources(folder: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(".ts"))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)))
    .toSorted();
}

function text(file: string): string {
  return readFileSync(join(root, file), "utf8");
}

/** Without comments. */
function code(file: string): string {
  return text(file).replaceAll(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, "");
}

function importsOf(file: string): string[] {
  return [...text(file).matchAll(/(?:from |import\()"#([^"]+)"/g)].map(([, target]) => target ?? "");
}

function packagesOf(file: string): string[] {
  return [...text(file).matchAll(/from "([^"#.][^"]*)"/g)].map(([, name]) => name ?? "");
}

function roomOf(file: string): string {
  const rooms = Object.keys(mayImport).filter((room) => file.startsWith(`${room}/`));
  return rooms.toSorted((a, b) => b.length - a.length)[0] ?? "";
}

function allowed(file: string, target: string): boolean {
  const from = roomOf(file);
  const to = roomOf(target);
  if (from === to || (from.startsWith("platform") && to.startsWith("platform"))) return true;
  return (mayImport[from] ?? []).some((room) => to === room || to.startsWith(`${room}/`));
}

/** `functions/<group>/<name>` for a file inside a function's folder. */
function functionFolder(file: string): string | undefined {
  const match = /^functions\/(?!contract\/)[^/]+\/([^/]+)\//.exec(file);
  return match === null ? undefined : match[0];
}
