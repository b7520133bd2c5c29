import { pino } from "pino";
import type { Clock } from "#platform/process/clock.ts";

/** Structured log: one JSON line per call. Fields never hold object content, so nothing secret can reach it. */
export interface Log {
  debug(fields: Readonly<Record<string, unknown>>, message: string): void;
  info(fields: Readonly<Record<string, unknown>>, message: string): void;
  warn(fields: Readonly<Record<string, unknown>>, message: string): void;
  error(fields: Readonly<Record<string, unknown>>, message: string): void;
}

export const logLevels = ["debug", "info", "warn", "error", "silent"] as const;

export type LogLevel = (typeof logLevels)[number];

/** Logs to standard error, so that standard output stays free for what a command prints. */
export function createLog(level: LogLevel, clock: Clock): Log {
  return pino(
    { level, base: null, timestamp: () => `,"time":"${new Date(clock.now()).toISOString()}"` },
    pino.destination({ fd: 2, sync: true }),
  );
}
