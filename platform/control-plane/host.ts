import type { Clock } from "#platform/process/clock.ts";
import type { Environment } from "#platform/process/environment.ts";

/** What starting real control plane processes on this machine needs from its caller. */
export interface ControlPlaneHost {
  readonly environment: Environment;
  readonly clock: Clock;
  /** Told, in one line each, what takes long: a download, a build. Never told a secret. */
  readonly progress: (line: string) => void;
}
