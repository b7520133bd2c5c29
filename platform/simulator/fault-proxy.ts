import type { IncomingMessage, ServerResponse } from "node:http";
import * as https from "node:https";
import { createCertificateAuthority } from "#platform/control-plane/certificates.ts";
import type { ConnectionConfig } from "#platform/kube/connection-config.ts";
import { type Clock, sleep } from "#platform/process/clock.ts";
import { apiCall, nameInBody } from "#platform/simulator/api-call.ts";
import { answerGoneEvent, answerStatus } from "#platform/simulator/fault-answers.ts";
import {
  type ApiCall,
  type CallMatch,
  type Fault,
  faultPlan,
  type FaultRule,
} from "#platform/simulator/faults.ts";
import { proxiedWatches } from "#platform/simulator/proxied-watches.ts";

export interface FaultProxyOptions {
  /** The API server behind it. Bearer tokens are passed on; client certificates cannot be. */
  readonly upstream: { readonly server: string; readonly caPem?: string | undefined };
  readonly clock: Clock;
  readonly seed?: number | string | undefined;
  readonly rules?: readonly FaultRule[] | undefined;
  /** Told of every call when it arrives. It is awaited: what must happen before the call is forwarded can happen here. */
  readonly onCall?: ((call: ApiCall, fault: Fault | undefined) => void | Promise<void>) | undefined;
  /** Told of every answer of the API server, before it is passed on, and awaited likewise. */
  readonly onAnswer?: ((call: ApiCall, code: number) => void | Promise<void>) | undefined;
}

/** An HTTPS server in front of an API server through which calls go wrong as told. */
export interface FaultProxy extends AsyncDisposable {
  /** `https://127.0.0.1:port`. */
  readonly server: string;
  /** Authority of its own certificate. */
  readonly caPem: string;
  /** The connection that goes through the proxy instead of straight. */
  through(config: ConnectionConfig): ConnectionConfig;
  /** Adds a rule behind the others. Returns what removes it. */
  addRule(rule: FaultRule): () => void;
  /** Closes the connections of running watches; all when `match` is absent. Returns how many. */
  cutWatches(match?: CallMatch): number;
  /** Watches fall silent, running and new ones, until the returned function is called; then they bring all that was held back. */
  freezeWatches(match?: CallMatch): () => void;
  /** A gap: running watches are cut and each is told on its next try that its resourceVersion is too old. */
  expireWatches(match?: CallMatch): void;
  /** Accepts every call and answers none until the returned function is called. */
  blackHole(): () => void;
  stop(): Promise<void>;
}

/** Starts a fault proxy on the loopback interface. */
export async function startFaultProxy(options: FaultProxyOptions): Promise<FaultProxy> {
  const { upstream, clock } = options;
  const authority = await createCertificateAuthority("fault proxy", clock.now());
  const certificate = await authority.issue("CN=fault-proxy", [{ ip: "127.0.0.1" }, { dns: "localhost" }]);
  const plan = faultPlan(options.seed ?? 0, options.rules);
  const watches = proxiedWatches();
  const agent = new https.Agent({
    keepAlive: true,
    ...(upstream.caPem === undefined ? {} : { ca: upstream.caPem }),
  });
  const ending = new AbortController();
  const blackHoles = new Set<object>();

  const forward = (request: IncomingMessage, body: Buffer, signal: AbortSignal): Promise<IncomingMessage> =>
    new Promise((resolve, reject) => {
      const { host: _, connection: __, "transfer-encoding": ___, ...headers } = request.headers;
      const target = new URL(upstream.server.replace(/\/$/, "") + (request.url ?? "/"));
      const length = body.length === 0 ? {} : { "content-length": body.length };
      const sent = https.request(target, {
        agent,
        method: request.method,
        headers: { ...headers, ...length },
        signal,
      });
      sent.on("response", resolve);
      sent.on("error", reject);
      sent.end(body);
    });

  const passOn = async (call: ApiCall, fault: Fault | undefined, exchange: Exchange): Promise<void> => {
    const { answer } = exchange;
    const received = await forward(exchange.request, exchange.body, exchange.signal);
    const code = received.statusCode ?? 502;
    await options.onAnswer?.(call, code);
    if (fault?.kind === "answer-lost") {
      received.resume();
      await new Promise((resolve) => received.once("close", resolve));
      answer.destroy();
      return;
    }
    const { connection: _, "transfer-encoding": __, ...headers } = received.headers;
    answer.writeHead(code, headers);
    if (call.verb !== "watch" || code !== 200) {
      received.pipe(answer);
      return;
    }
    answer.flushHeaders();
    const watch = watches.begin(call, received, answer);
    if (fault?.kind === "watch-cut") {
      answer.once(
        "close",
        clock.schedule(fault.afterMs, () => watch.cut()),
      );
    } else if (fault?.kind === "watch-silent") {
      answer.once(
        "close",
        clock.schedule(fault.afterMs, () => watch.silence()),
      );
    }
  };

  const handle = async (request: IncomingMessage, answer: ServerResponse): Promise<void> => {
    const gone = new AbortController();
    answer.once("close", () => gone.abort());
    const signal = AbortSignal.any([gone.signal, ending.signal]);
    const body = await readBody(request);
    const seen = apiCall(request.method ?? "GET", request.url ?? "/");
    const call = seen.verb === "create" && seen.name === "" ? { ...seen, name: nameInBody(body) } : seen;
    const fault = blackHoles.size > 0 ? { kind: "black-hole" as const } : plan.next(call);
    await options.onCall?.(call, fault);
    switch (fault?.kind) {
      case "status":
        answerStatus(answer, fault.code, fault.retryAfterSeconds);
        return;
      case "gone":
        if (call.verb === "watch" && fault.as !== "status") answerGoneEvent(answer);
        else answerStatus(answer, 410);
        return;
      case "dropped":
        answer.destroy();
        return;
      case "black-hole":
        return;
      case "slow":
        await sleep(clock, fault.ms, signal);
        break;
      case "answer-lost":
      case "watch-cut":
      case "watch-silent":
      case undefined:
        break;
    }
    await passOn(call, fault, { request, answer, body, signal });
  };

  const server = https.createServer(
    { cert: certificate.certPem, key: certificate.keyPem },
    (request, answer) => {
      // The API server cannot be reached, or the client went away: both look like a closed connection.
      handle(request, answer).catch(() => answer.destroy());
    },
  );
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const bound = server.address();
  const port = typeof bound === "object" && bound !== null ? bound.port : 0;
  const url = `https://127.0.0.1:${port}`;
  const stop = async (): Promise<void> => {
    ending.abort();
    const closed = new Promise((resolve) => server.close(resolve));
    server.closeAllConnections();
    await closed;
    agent.destroy();
  };
  return {
    server: url,
    caPem: authority.certPem,
    through: (config) => ({
      ...config,
      server: url,
      caPem: authority.certPem,
      certificateAuthority: undefined,
    }),
    addRule: (rule) => plan.add(rule),
    cutWatches: (match = {}) => watches.cut(match),
    freezeWatches: (match = {}) => watches.freeze(match),
    expireWatches: (match = {}) => {
      plan.add({ match: { ...match, verb: "watch" }, fault: { kind: "gone" }, occurrence: { upTo: 1 } });
      watches.cut(match);
    },
    blackHole: () => {
      const hole = {};
      blackHoles.add(hole);
      return () => void blackHoles.delete(hole);
    },
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

interface Exchange {
  readonly request: IncomingMessage;
  readonly answer: ServerResponse;
  readonly body: Buffer;
  readonly signal: AbortSignal;
}

async function readBody(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks);
}
