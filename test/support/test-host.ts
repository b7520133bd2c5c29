import type { ControlPlaneHost } from "#platform/control-plane/host.ts";
import { systemClock } from "#platform/process/clock.ts";
import { processEnvironment } from "#platform/process/environment.ts";

/** Real clock and environment; progress goes to standard error, past the reporters. */
export function testHost(): ControlPlaneHost {
  return {
    environment: processEnvironment(),
    clock: systemClock(),
    progress: (line) => process.stderr.write(`${line}\n`),
  };
}
