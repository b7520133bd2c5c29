import type { Terminal } from "#cli/terminal.ts";

/** Lines a person likes to watch: headlines, what takes long, and each machine's steps with the time since the start. */
export function progressLines(terminal: Terminal) {
  const startedAt = terminal.clock.monotonic();
  const paint = (code: number, text: string) =>
    terminal.interactive ? `\u001B[${code}m${text}\u001B[0m` : text;
  const since = () => `${((terminal.clock.monotonic() - startedAt) / 1000).toFixed(1).padStart(6)} s`;
  return {
    headline: (text: string) => terminal.say(paint(1, `\n${since()}  ${text}`)),
    detail: (text: string) => terminal.say(paint(2, `${since()}    ${text}`)),
    machine: (name: string, what: string) =>
      terminal.say(`${since()}    ${name.padEnd(28)} ${colourOf(what, paint)}`),
  };
}

function colourOf(what: string, paint: (code: number, text: string) => string): string {
  if (what === "provisioned" || what === "Node initialised") return paint(32, what);
  if (what === "gone" || what === "deleting") return paint(33, what);
  return what;
}
