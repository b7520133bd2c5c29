import {
  Server,
  ServerCredentials,
  status,
  type sendUnaryData,
  type ServerUnaryCall,
  type ServerWritableStream,
} from "@grpc/grpc-js";
import { externalScaler, functionMeasured, functionOf } from "#events/transport/keda-protocol.ts";
import type { Clock } from "#platform/process/clock.ts";

export interface KedaScalerOptions {
  readonly clock: Clock;
  /** Names of all functions there are. */
  readonly functions: readonly string[];
  /** Work of a function in line and in the hands of pods. */
  readonly demandOf: (name: string) => { readonly waiting: number; readonly leased: number };
  readonly listen: { readonly host: string; readonly port: number };
}

export interface KedaScaler {
  /** The port that was taken. */
  readonly port: number;
  /** Work of a function came, was taken, or ended. */
  changed(name: string): void;
  /** Ends every stream in order, which KEDA needs to come back at once; then the server. */
  close(): Promise<void>;
}

interface ActiveStream {
  readonly call: ServerWritableStream<unknown, unknown>;
  readonly name: string;
  /** What it was told last. */
  active: boolean;
}

/** While work waits KEDA is told again in this interval, ms: it drops what it hears before it has read its own ScaledObject. */
const REPEAT_MS = 1_000;

/** Longest time the end may take, ms. */
const CLOSE_MS = 2_000;

/** The metric KEDA's HPA scales by: one pod for each step in line or under way. */
const METRIC = "steps";

/** Breaks connections on which the other side has fallen silent, ms. */
const KEEPALIVE_MS = 30_000;

/**
 * KEDA's external-push scaler. A function is active while work of it is in line or in the hands of pods. From zero it wakes by the stream, at once; back
 * to zero it goes by KEDA's polls, as KEDA ignores a pushed `false`.
 */
export async function openKedaScaler(options: KedaScalerOptions): Promise<KedaScaler> {
  const { clock, functions, demandOf, listen } = options;
  const streams = new Set<ActiveStream>();
  const steps = (name: string) => demandOf(name).waiting + demandOf(name).leased;
  const server = new Server({
    "grpc.keepalive_time_ms": KEEPALIVE_MS,
    "grpc.keepalive_permit_without_calls": 1,
  });

  const tell = (stream: ActiveStream): void => {
    stream.active = steps(stream.name) > 0;
    stream.call.write({ result: stream.active });
  };
  const unary =
    (nameOf: (request: unknown) => string | undefined, answer: (name: string) => object) =>
    ({ request }: ServerUnaryCall<unknown, unknown>, done: sendUnaryData<unknown>): void => {
      const name = nameOf(request);
      if (name !== undefined && functions.includes(name)) done(null, answer(name));
      else done({ code: status.INVALID_ARGUMENT, details: wrongName(name) });
    };

  server.addService(externalScaler(), {
    IsActive: unary(functionOf, (name) => ({ result: steps(name) > 0 })),
    GetMetricSpec: unary(functionOf, () => ({
      metricSpecs: [{ metricName: METRIC, targetSize: 1, targetSizeFloat: 1 }],
    })),
    GetMetrics: unary(functionMeasured, (name) => ({
      metricValues: [{ metricName: METRIC, metricValue: steps(name), metricValueFloat: steps(name) }],
    })),
    StreamIsActive: (call: ServerWritableStream<unknown, unknown>) => {
      const name = functionOf(call.request);
      if (name === undefined || !functions.includes(name)) {
        const details = wrongName(name);
        call.emit("error", Object.assign(new Error(details), { code: status.INVALID_ARGUMENT, details }));
        return;
      }
      const stream = { call, name, active: false };
      streams.add(stream);
      call.on("cancelled", () => streams.delete(stream));
      call.on("error", () => streams.delete(stream));
      tell(stream);
    },
  });
  const host = listen.host.includes(":") ? `[${listen.host}]` : listen.host;
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync(`${host}:${listen.port}`, ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });

  let cancelRepeat = clock.schedule(REPEAT_MS, repeat);
  function repeat(): void {
    for (const stream of streams) if (demandOf(stream.name).waiting > 0) tell(stream);
    cancelRepeat = clock.schedule(REPEAT_MS, repeat);
  }
  return {
    port,
    changed: (name) => {
      for (const stream of streams)
        if (stream.name === name && stream.active !== steps(name) > 0) tell(stream);
    },
    close: async () => {
      cancelRepeat();
      for (const { call } of streams) call.end();
      streams.clear();
      await new Promise<void>((resolve) => {
        const cancel = clock.schedule(CLOSE_MS, () => (server.forceShutdown(), resolve()));
        server.tryShutdown(() => (cancel(), resolve()));
      });
    },
  };
}

function wrongName(name: string | undefined): string {
  return name === undefined
    ? "the trigger's metadata names no function; add function: <name>"
    : `no function ${name} is known here; see capfn serve --help for the names`;
}
