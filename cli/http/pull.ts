import { allFunctions } from "#cli/functions.ts";
import { parseBindAddress, type BindAddress } from "#cli/http/bind-address.ts";
import { leaseRights } from "#cli/http/lease-rights.ts";
import type { RunningOperator } from "#cli/operator/operator.ts";
import { version } from "#cli/version.ts";
import type { KedaScaler } from "#events/transport/keda-scaler.ts";
import { PullRunner, type PullEvent } from "#events/transport/pull-runner.ts";
import type { Runner } from "#events/transport/runner.ts";
import type { ConnectionConfig } from "#platform/kube/connection-config.ts";
import type { Log } from "#platform/observability/log.ts";
import { seldom } from "#platform/observability/seldom.ts";
import type { Clock } from "#platform/process/clock.ts";

export interface PullFlags {
  readonly pullBindAddress: string;
  readonly scalerBindAddress: string;
  readonly pullTokenFile?: string;
  /** Also the namespace of the functions' accounts. */
  readonly ledgerNamespace: string;
}

export interface PullWorld {
  readonly management: ConnectionConfig;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Log;
  /** How long from now on nobody else can lead, ms; 0 when this process does not lead, infinite when nobody competes with it. */
  readonly leadLeftMs: () => number;
  readonly running: () => Pick<RunningOperator, "metrics"> | undefined;
}

/** The hub's side of functions whose pods come for work. */
export interface PullSide {
  readonly runner: Runner;
  /**
   * Listens, from the moment this process leads: on standby nobody is answered, so that pods and KEDA find who leads. Resolves to the addresses. Throws when one
   * is taken.
   */
  open(): Promise<string[]>;
  /** Hands out no more, and ends KEDA's streams in order; pods may still say what became of their steps. */
  drain(): Promise<void>;
  close(): Promise<void>;
}

/** One function's pods that do not come are logged once in this time, ms. */
const TELL_EVERY_MS = 60_000;

/** Undefined when no flag asks for it. Throws with the mend when flags are wrong. */
export async function pullSide(flags: PullFlags, world: PullWorld): Promise<PullSide | undefined> {
  const address = parseBindAddress("--pull-bind-address", flags.pullBindAddress);
  const scalerAddress = parseBindAddress("--scaler-bind-address", flags.scalerBindAddress);
  if (address === undefined) {
    if (scalerAddress !== undefined)
      throw new Error(
        "--scaler-bind-address needs --pull-bind-address, where the pods that KEDA starts take work",
      );
    if (flags.pullTokenFile !== undefined)
      throw new Error("--pull-token-file needs --pull-bind-address, where pods take work");
    return undefined;
  }
  const rights = await leaseRights(flags, world);
  const functions = allFunctions.map(({ name }) => name);
  let scaler: KedaScaler | undefined;
  const told = teller(world, (name) => scaler?.changed(name));
  const runner = new PullRunner({ clock: world.clock, leadLeftMs: world.leadLeftMs, observe: told.observe });
  // Loaded only when it is asked for.
  const { pullServer } = await import("#events/transport/pull-server.ts");
  const server = pullServer({
    runner,
    functions,
    version,
    rightsOf: rights.of,
    otherVersion: told.otherVersion,
  });
  return {
    runner,
    open: async () => {
      const url = await server.listen(address);
      scaler = scalerAddress && (await openScaler(scalerAddress, functions, { runner, clock: world.clock }));
      return scaler === undefined ? [url] : [url, `grpc://${scalerAddress?.host ?? ""}:${scaler.port}`];
    },
    drain: async () => {
      runner.stop();
      await scaler?.close();
    },
    close: async () => {
      await server.close();
      rights.close();
    },
  };
}

async function openScaler(
  listen: BindAddress,
  functions: readonly string[],
  { runner, clock }: { runner: PullRunner; clock: Clock },
): Promise<KedaScaler> {
  const { openKedaScaler } = await import("#events/transport/keda-scaler.ts");
  return openKedaScaler({ listen, functions, clock, demandOf: (name) => runner.demand(name) });
}

/** Logs and counts; hands changes of demand on. */
function teller({ clock, log, running }: PullWorld, demand: (name: string) => void) {
  const mayTell = seldom(clock, TELL_EVERY_MS);
  const warn = (about: string, fields: object, text: string): void => {
    const turn = mayTell(about);
    if (turn !== undefined) log.warn({ ...fields, passedOver: turn.passedOver }, text);
  };
  return {
    observe: (event: PullEvent): void => {
      switch (event.kind) {
        case "demand":
          demand(event.function);
          break;
        case "leased":
          log.debug({ ...event }, "a pod has taken work");
          break;
        case "unclaimed":
          warn(
            `unclaimed ${event.function}`,
            { function: event.function },
            `work waits for a pod of ${event.function}; does KEDA run, and can the pod start?`,
          );
          break;
        case "expired":
          log.warn({ ...event }, "a pod fell silent, and its lease ran out; its step is tried again");
          break;
        default:
          running()?.metrics.late.inc();
          log.warn({}, "an outcome came after its lease had run out; it is dropped");
      }
    },
    otherVersion: (names: readonly string[], other: string): void =>
      warn(
        `version ${names.join()}`,
        { functions: names, version: other, hub: version },
        "a pod of another version gets no work",
      ),
  };
}
