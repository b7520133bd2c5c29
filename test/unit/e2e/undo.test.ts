import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { openUndo, quoted } from "#test/e2e/cluster/machine/undo.ts";

let place: string;
let directory: string;
beforeEach(() => {
  place = mkdtempSync(join(tmpdir(), "capfn-undo-"));
  directory = mkdtempSync(join(place, "run-"));
});
afterEach(() => {
  rmSync(place, { recursive: true, force: true });
});

const noted = (): string => readFileSync(join(place, "noted"), "utf8");
const note = (word: string): string => `echo ${word} >> ${quoted(join(place, "noted"))}`;

describe("what is done to a machine", () => {
  it("is undone from the last to the first, and nothing is left of it", async () => {
    const undo = openUndo(directory);
    undo.defer(note("first"));
    undo.defer(note("second"));
    expect(await undo.run()).toBe("");
    expect(noted()).toBe("second\nfirst\n");
    expect(existsSync(directory)).toBe(false);
  });

  it("is undone when the process that did it is killed without a word", async () => {
    const module = join(import.meta.dirname, "../../e2e/cluster/machine/undo.ts");
    const script =
      `const { openUndo } = await import(${JSON.stringify(module)});\n` +
      `openUndo(${JSON.stringify(directory)}).defer(${JSON.stringify(note("undone"))});\n` +
      `console.log("done"); setInterval(() => {}, 1000);`;
    const doer = spawn(process.execPath, ["--input-type=module", "--eval", script], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    await once(doer.stdout, "data");
    doer.kill("SIGKILL");
    await vi.waitFor(() => expect(existsSync(directory)).toBe(false), 8_000);
    expect(noted()).toBe("undone\n");
  });

  it("says what could not be undone, and undoes the rest", async () => {
    const undo = openUndo(directory);
    undo.defer(note("first"));
    undo.defer("echo broken >&2; false");
    expect(await undo.run()).toBe("failed: echo broken >&2; false\nbroken");
    expect(noted()).toBe("first\n");
    expect(existsSync(directory)).toBe(true);
  });

  it("can be kept, with a script that undoes it", async () => {
    const undo = openUndo(directory);
    undo.defer(note("first"));
    undo.defer(note("second"));
    const script = await undo.keep();
    expect(existsSync(join(place, "noted"))).toBe(false);
    execFileSync("sh", [script]);
    expect(noted()).toBe("second\nfirst\n");
    expect(existsSync(directory)).toBe(false);
  });
});
