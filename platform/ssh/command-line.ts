/** Words that every shell takes as they stand. A word with `=` is not among them: at the front it would set a variable. */
const PLAIN = /^[\w@%+:,./-]+$/;

/**
 * The command line that makes a POSIX login shell run exactly these words (RFC 4254, 6.5: what is sent is one string, and the user's shell takes it
 * apart). With `sudo`, as root and without ever asking for a password.
 *
 * @throws RangeError when there is no word, or one holds a NUL, which no program can be handed.
 */
export function commandLine(argv: readonly string[], sudo: boolean): string {
  if (argv.length === 0 || argv[0] === "") throw new RangeError("a command needs the name of a program");
  if (argv.some((word) => word.includes("\0"))) throw new RangeError("a word of a command holds a NUL");
  return [...(sudo ? ["sudo", "-n", "--"] : []), ...argv].map(quoted).join(" ");
}

function quoted(word: string): string {
  return PLAIN.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`;
}
