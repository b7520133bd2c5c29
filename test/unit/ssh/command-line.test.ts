import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import { commandLine } from "#platform/ssh/command-line.ts";

const run = promisify(execFile);

describe("the command line for a host", () => {
  it("makes a shell hand over exactly the words it was given", async () => {
    const words = [
      "",
      "plain",
      "two words",
      "it's",
      "$HOME",
      "`id`",
      "$(id)",
      "a;b",
      "a\nb",
      "*",
      "~",
      "A=b",
      "\\",
      '"',
      "-n",
      "ü",
      "#",
      "!",
    ];
    const line = commandLine(["printf", "<%s>", ...words], false);
    const { stdout } = await run("/bin/sh", ["-c", line]);
    expect(stdout).toBe(words.map((word) => `<${word}>`).join(""));
  });

  it("never takes the name of a program for an assignment", async () => {
    const failed = run("/bin/sh", ["-c", commandLine(["A=b"], false)]);
    await expect(failed).rejects.toMatchObject({ code: 127 });
  });

  it("puts sudo before it that never asks", () => {
    expect(commandLine(["cat", "/etc/a b"], true)).toBe("sudo -n -- cat '/etc/a b'");
  });

  it("is not made of nothing, nor of words that no program can be handed", () => {
    expect(() => commandLine([], false)).toThrow(RangeError);
    expect(() => commandLine([""], true)).toThrow(RangeError);
    expect(() => commandLine(["cat", "a\0b"], false)).toThrow(RangeError);
  });
});
