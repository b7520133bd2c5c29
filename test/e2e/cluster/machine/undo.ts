import { spawn } from "node:child_process";
import { closeSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/**
 * Takes lines of shell until its standard input ends, however that comes about, and runs them from the last to the first. What ends this process,
 * SIGKILL too, ends that input: so the machine is put in order again without anybody's help.
 */
const JANITOR = `
trap "" INT TERM HUP
script=$1; : > "$script"
while IFS= read -r line; do { printf '%s\\n' "$line"; cat "$script"; } > "$script.new" && mv "$script.new" "$script"; done
while IFS= read -r line; do sh -c "$line" < /dev/null > /dev/null 2> "$script.said" || { echo "failed: $line"; cat "$script.said"; }; done < "$script"
rm -f "$script" "$script.said"
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

/** Starts to remember, in a process of its own that outlives this one. `directory` is not among what is removed by it. */
export function openUndo(directory: string): Undo {
  const script = join(directory, "undo.sh");
  const log = join(directory, "undo.log");
  const output = openSync(log, "w");
  const janitor = spawn("/bin/sh", ["-c", JANITOR, "capfn-undo", script], {
    detached: true,
    stdio: ["pipe", output, output],
  });
  closeSync(output);
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
      return readFileSync(log, "utf8").trim();
    },
    keep: async () => {
      janitor.kill("SIGKILL");
      await ended;
      writeFileSync(script, `#!/bin/sh\n${lines.join("\n")}\n`, { mode: 0o755 });
      return script;
    },
  };
}

/** A word of shell. */
export function quoted(word: string): string {
  return `'${word.replaceAll("'", String.raw`'\''`)}'`;
}
