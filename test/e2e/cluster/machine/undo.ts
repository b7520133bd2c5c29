import { spawn } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";

/**
 * Takes lines of shell until its standard input ends, however that comes about, and runs them from the last to the first. What ends this process,
 * SIGKILL too, ends that input: so the machine is put in order again without anybody's help.
 */
const JANITOR = `
trap "" INT TERM HUP
directory=$1; script=$directory/undo.sh; : > "$script"; : > "$script.failed"
while IFS= read -r line; do { printf '%s\\n' "$line"; cat "$script"; } > "$script.new" && mv "$script.new" "$script"; done
while IFS= read -r line; do sh -c "$line" < /dev/null > /dev/null 2> "$script.said" || { echo "failed: $line"; cat "$script.said"; } >> "$script.failed"; done < "$script"
[ -s "$script.failed" ] || rm -rf "$directory"
`;

/** What has been changed on this machine, and how each is put back. */
export interface Undo {
  /** A line of shell that undoes what is about to be done; later ones run first. It must do no harm when that was not done after all. */
  defer(line: string): void;
  /** Undoes everything; says what could not be undone. */
  run(): Promise<string>;
  /** Leaves everything as it is. Answers with the shell script that undoes it. */
  keep(): Promise<string>;
}

/** Starts to remember, in a process of its own that outlives this one. It removes `directory` last, unless something could not be undone. */
export function openUndo(directory: string): Undo {
  const script = join(directory, "undo.sh");
  const janitor = spawn("/bin/sh", ["-c", JANITOR, "capfn-undo", directory], {
    detached: true,
    stdio: ["pipe", "ignore", "ignore"],
  });
  const { stdin } = janitor;
  if (stdin === null) throw new Error("a shell was started without its standard input");
  const ended = new Promise<void>((resolve) => {
    janitor.once("exit", () => resolve());
    janitor.once("error", () => resolve());
  });
  stdin.on("error", () => undefined);
  const lines: string[] = [];
  return {
    defer: (line) => {
      lines.unshift(line);
      stdin.write(`${line}\n`);
    },
    run: async () => {
      stdin.end();
      await ended;
      return readFile(`${script}.failed`, "utf8").then(
        (failed) => failed.trim(),
        () => "",
      );
    },
    keep: async () => {
      janitor.kill("SIGKILL");
      await ended;
      const all = [...lines, `rm -rf ${quoted(directory)}`];
      await writeFile(script, `#!/bin/sh\n${all.join("\n")}\n`, { mode: 0o755 });
      return script;
    },
  };
}

/** A word of shell. */
export function quoted(word: string): string {
  return `'${word.replaceAll("'", String.raw`'\''`)}'`;
}
