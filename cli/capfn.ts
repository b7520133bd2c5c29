#!/usr/bin/env node
import { capfnProgram } from "#cli/program.ts";
import { runProgram } from "#cli/run-program.ts";
import { processTerminal } from "#cli/terminal.ts";

const terminal = processTerminal();
await runProgram(capfnProgram(terminal), terminal);
