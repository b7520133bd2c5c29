import { readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { parseAllDocuments } from "yaml";

export const repository = join(import.meta.dirname, "..", "..");

/** A fenced block of a page. */
export interface Example {
  readonly page: string;
  /** Line of its first line, from 1. */
  readonly line: number;
  /** `yaml`, `sh`, `dockerfile`, or `` for output. */
  readonly language: string;
  readonly text: string;
}

/** One page of the documentation; `path` counts from the root of the repository. */
export interface Page {
  readonly path: string;
  readonly text: string;
  readonly examples: readonly Example[];
  /** What is not an example. */
  readonly prose: string;
}

/** Pages written by hand: the README and what it links to, but for what is generated. */
export function handwrittenPages(): Page[] {
  const generated = ["docs/acceptance.md", "docs/reference/"];
  const docs = readdirSync(join(repository, "docs"), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(".md"))
    .map((entry) => relative(repository, join(entry.parentPath, entry.name)))
    .filter((path) => !generated.some((prefix) => path.startsWith(prefix)));
  return ["README.md", "CONTRIBUTING.md", ...docs.toSorted()].map(readPage);
}

/** The pages for people with something to do: `docs/tasks`, `docs/runbooks` and the quick start. */
export function taskPages(): Page[] {
  return handwrittenPages().filter(({ path }) =>
    /^docs\/(?:(?:tasks|runbooks)\/|quick-start\.md$)/.test(path),
  );
}

export function readPage(path: string): Page {
  const text = readFileSync(join(repository, path), "utf8");
  const examples: Example[] = [];
  const prose: string[] = [];
  let open: { line: number; language: string; indent: number; lines: string[] } | undefined;
  for (const [index, line] of text.split("\n").entries()) {
    const fence = /^(?<indent> *)```(?<language>\w*)$/.exec(line);
    if (fence === null) {
      if (open === undefined) prose.push(line);
      else open.lines.push(line.slice(open.indent));
    } else if (open === undefined) {
      const { indent = "", language = "" } = fence.groups ?? {};
      open = { line: index + 2, language, indent: indent.length, lines: [] };
    } else {
      examples.push({ page: path, line: open.line, language: open.language, text: open.lines.join("\n") });
      open = undefined;
    }
  }
  if (open !== undefined) throw new Error(`${path}: the block that begins at line ${open.line} has no end`);
  return { path, text, examples, prose: prose.join("\n") };
}

/** What stands between single backquotes in the prose of a page. */
export function codeSpans({ prose }: Page): string[] {
  return [...prose.matchAll(/`([^`\n]+)`/g)].map(([, span = ""]) => span);
}

/** Targets of the links of a page. */
export function links({ prose }: Page): string[] {
  return [...prose.matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = ""]) => target);
}

/** Anchors of a page's headings, as GitHub makes them. */
export function anchors({ prose }: Page): string[] {
  return [...prose.matchAll(/^#+ (.+)$/gm)].map(([, heading = ""]) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, "")
      .replaceAll(" ", "-"),
  );
}

/** A Kubernetes object of an example. */
export interface ExampleObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly [field: string]: unknown;
}

/** The objects of one YAML text. */
export function objectsIn(text: string): ExampleObject[] {
  return parseAllDocuments(text)
    .map((document) => {
      const [error] = document.errors;
      if (error !== undefined) throw error;
      return document.toJS() as ExampleObject | null;
    })
    .filter((object) => object !== null);
}

/** The example that carries this title in a comment in its first line. */
export function titledExample(title: string): Example {
  const found = taskPages()
    .flatMap(({ examples }) => examples)
    .find(({ text }) => text.startsWith(`# ${title}\n`));
  if (found === undefined) throw new Error(`no example of docs/tasks begins with "# ${title}"`);
  return found;
}

/** Command lines of the shell examples and of the code in the prose, without comments; continued lines are joined. */
export function commandLines(page: Page): string[] {
  const scripts = page.examples.filter(({ language }) => language === "sh").map(({ text }) => text);
  return [...scripts.flatMap((text) => text.replaceAll("\\\n", " ").split("\n")), ...codeSpans(page)]
    .map((line) => line.replace(/(^|\s)#.*$/, "").trim())
    .filter((line) => line !== "");
}

/** Words of a simple command line; quotes are taken off. Placeholders such as `<name>` become words. */
export function words(line: string): string[] {
  return [...line.matchAll(/"([^"]*)"|'([^']*)'|(\S+)/g)].map(
    ([, double, single, bare]) => double ?? single ?? bare ?? "",
  );
}

/** All product sources as one text without comments, `api/condition-names.ts` apart: there a name exists whether or not anybody uses it. */
export function productSources(): string {
  const rooms = ["api", "events", "functions", "platform", "cli"];
  return rooms
    .flatMap((room) => readdirSync(join(repository, room), { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile() && entry.name.endsWith(".ts") && entry.name !== "condition-names.ts")
    .map((entry) => readFileSync(join(entry.parentPath, entry.name), "utf8"))
    .join("\n")
    .replaceAll(/\/\*[\s\S]*?\*\/|(?<=^|\s)\/\/.*$/gm, "");
}
