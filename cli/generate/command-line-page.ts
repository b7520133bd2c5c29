import type { Command, Option } from "commander";
import { capfnProgram } from "#cli/program.ts";
import { processTerminal } from "#cli/terminal.ts";

/** Every command with every flag, by path from the repository's root. */
export function generateCommandLinePage(): Map<string, string> {
  const page = [
    '<!-- Generated from cli/commands by "npm run generate". Do not edit. -->',
    "# Command line",
    "What `capfn <command> --help` says, in one place.",
    ...leavesOf(capfnProgram(processTerminal())).flatMap(section),
  ];
  return new Map([["docs/reference/command-line.md", `${page.join("\n\n")}\n`]]);
}

/** Commands that do something, those inside others too. */
function leavesOf(command: Command): readonly Command[] {
  return command.commands.length === 0 ? [command] : command.commands.flatMap(leavesOf);
}

function section(command: Command): string[] {
  const options = command.options.filter(({ hidden }) => !hidden);
  return [
    `## ${fullName(command)}`,
    command.description(),
    ...(options.length === 0
      ? []
      : [["| Flag | Meaning | Default |", "| --- | --- | --- |", ...options.map(row)].join("\n")]),
  ];
}

function fullName(command: Command): string {
  const args = command.registeredArguments.map((each) => {
    const name = `${each.name()}${each.variadic ? "..." : ""}`;
    return each.required ? `<${name}>` : `[${name}]`;
  });
  const names = [command.name()];
  for (let parent = command.parent; parent !== null; parent = parent.parent) names.unshift(parent.name());
  return [...names, ...args].map(escaped).join(" ");
}

function row({
  flags,
  description,
  defaultValue,
  defaultValueDescription,
  argChoices,
  mandatory,
}: Option): string {
  const choices = argChoices === undefined ? "" : ` (one of ${argChoices.join(", ")})`;
  const given =
    defaultValueDescription ?? (defaultValue === undefined ? undefined : JSON.stringify(defaultValue));
  const without =
    given === undefined ? (mandatory ? "must be given" : "") : `\`${given.replaceAll('"', "")}\``;
  return `| \`${flags.replaceAll("|", "\\|")}\` | ${escaped(description)}${choices} | ${without} |`;
}

function escaped(text: string): string {
  return text.replaceAll("|", "\\|").replaceAll("<", "&lt;");
}
