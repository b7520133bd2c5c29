import { pino } from "pino";
import type { LogLevel } from "#platform/observability/log-level.ts";
import type { Clock } from "#platform/process/clock.ts";

/** Structured log: one JSON line per call. Fields never hold object content, so nothing secret can reach it. */
export interface Log {
  debug(fields: Readonly<Record<string, unknown>>, message: string): void;
  info(fields: Readonly<Record<string, unknown>>, message: string): void;
  warn(fields: Readonly<Record<string, unknown>>, message: string): void;
  error(fields: Readonly<Record<string, unknown>>, message: string): void;
}

/** Logs to standard error, so that standard output stays free for what a command prints. */
export function createLog(level: LogLevel, clock: Clock): Log {
  return pino(
    { level, base: null, timestamp: () => `,"time":"${new Date(clock.now()).toISOString()}"` },
    pino.destination({ fd: 2, sync: true }),
  );
}
