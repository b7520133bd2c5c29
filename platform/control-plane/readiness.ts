import { request as requestHttp } from "node:http";
import { request as requestHttps } from "node:https";
import { type Clock, sleep } from "#platform/process/clock.ts";
import { lastLogLines, type SupervisedProcess } from "#platform/control-plane/supervised-process.ts";

/** Where a program says whether it is ready: any 2xx answer means yes. */
export interface ReadinessProbe {
  readonly url: string;
  readonly caPem?: string;
  readonly token?: string;
}

/** A program ended, or did not get ready in time. The message ends with the last lines of its log. */
class NotReadyError extends Error {
  override readonly name = "NotReadyError";
  /** Its port was taken between the choice of the port and the start: start again with another port. */
  readonly portTaken: boolean;

  constructor(message: string, log: string) {
    super(log === "" ? `${message}; its log is empty` : `${message}; its log ends with:\n${log}`);
    this.portTaken = log.includes("address already in use");
  }
}

const POLL_MS = 50;
const PROBE_TIMEOUT_MS = 5_000;

/** Resolves when the program is ready; throws {@link NotReadyError} when it ends first or `timeoutMs` pass. */
export async function untilReady(
  process: SupervisedProcess,
  probe: ReadinessProbe,
  clock: Clock,
  timeoutMs = 120_000,
): Promise<void> {
  const deadline = clock.monotonic() + timeoutMs;
  let exitCode: number | undefined;
  void process.exited.then((code) => (exitCode = code));
  while (true) {
    if (exitCode !== undefined) {
      throw new NotReadyError(`${process.name} ended with code ${exitCode}`, lastLogLines(process));
    }
    if (await answersOk(probe)) return;
    if (clock.monotonic() > deadline) {
      const waited = `${process.name} was not ready after ${Math.round(timeoutMs / 1000)} s`;
      throw new NotReadyError(waited, lastLogLines(process));
    }
    await Promise.race([sleep(clock, POLL_MS), process.exited]);
  }
}

/** Runs `start` again, up to three times, when the program found its port taken. */
export async function withPortRetry<T>(start: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await start();
    } catch (error) {
      if (attempt === 3 || !(error instanceof NotReadyError) || !error.portTaken) throw error;
    }
  }
}

function answersOk(probe: ReadinessProbe): Promise<boolean> {
  return new Promise((resolve) => {
    const url = new URL(probe.url);
    const options = {
      timeout: PROBE_TIMEOUT_MS,
      agent: false,
      ...(probe.token === undefined ? {} : { headers: { authorization: `Bearer ${probe.token}` } }),
    };
    const request =
      url.protocol === "https:"
        ? requestHttps(url, { ...options, ...(probe.caPem === undefined ? {} : { ca: probe.caPem }) })
        : requestHttp(url, options);
    request.on("response", (response) => {
      response.resume();
      resolve(response.statusCode !== undefined && response.statusCode >= 200 && response.statusCode < 300);
    });
    request.on("timeout", () => request.destroy());
    request.on("error", () => resolve(false));
    request.on("close", () => resolve(false));
    request.end();
  });
}
