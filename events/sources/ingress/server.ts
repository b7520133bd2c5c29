import type { RequestListener, Server } from "node:http";
import { createServer as createTlsServer } from "node:https";
import { TLSSocket } from "node:tls";
import { fastify, type FastifyInstance, type FastifyReply, type FastifyRequest } from "fastify";
import { receiveAlerts, UNTIL_ASKED, type AlertTaking } from "#events/sources/ingress/alerts-route.ts";
import { receiveEvents } from "#events/sources/ingress/events-route.ts";
import { grantOf } from "#events/sources/ingress/handshake.ts";
import type { Sender, Senders } from "#events/sources/ingress/senders.ts";
import type { TlsFiles } from "#events/sources/ingress/tls.ts";
import { Turns, type TurnLimits } from "#events/sources/ingress/turns.ts";
import { http } from "#platform/process/node-http.ts";

export interface IngressOptions extends AlertTaking {
  readonly senders: Senders;
  /** Alertmanagers are asked what they list: alerts that cannot be taken come that way. */
  readonly areCompared: boolean;
  /** Undefined: plain HTTP, behind something that ends TLS. */
  readonly tls?: TlsFiles | undefined;
  /** Which of {@link defaultTurns} are to be others. */
  readonly turns?: Partial<TurnLimits> | undefined;
}

const MIB = 1_048_576;
/** A group of alerts comes in one body, and what is refused as too large never comes again: Alertmanager does not repeat after 4xx. */
const BODY_LIMIT_BYTES = { "/alerts": 8 * MIB, "/events": MIB } as const;
/** What is too large now is so again, until somebody changes the configuration of Alertmanager. */
const OVERSIZED_AGAIN_MS = 30_000;
/** Longest time in which a request must have come in whole, the wait for its turn included. */
const REQUEST_TIMEOUT_MS = 15_000;
/**
 * Few at once, so that each is quick: the API server does not get more done for being asked more. A delivery waits less than the 10 s that
 * Alertmanager gives it at least, so that there is time left to store it.
 */
const defaultTurns: TurnLimits = { atOnce: 16, bytes: 8 * MIB, waiting: 1_000, waitMs: 5_000 };
const timeLimits = {
  requestTimeout: REQUEST_TIMEOUT_MS,
  headersTimeout: REQUEST_TIMEOUT_MS,
  // How often Node.js looks for what is over the limits; by itself every 30 s.
  connectionsCheckingInterval: 5_000,
};
/** A connection costs memory before anybody knows whose it is. As many as may wait, and some for other senders. */
const MOST_CONNECTIONS = 1_280;

type Routes = keyof typeof BODY_LIMIT_BYTES;

/**
 * The ingress: `/alerts` for Alertmanager, `/events` for CloudEvents. Who sends is known before a byte of the body is read. Answers with
 * 503 and Retry-After whatever may succeed later, and never with another 5xx.
 */
export function ingressServer(options: IngressOptions): FastifyInstance {
  const { observe, senders } = options;
  const server = fastify({
    // Answers must not tell who asks whether a path exists by another way than the others.
    exposeHeadRoutes: false,
    serverFactory: (handler) => serverOf(options, handler),
  });
  const known = new WeakMap<FastifyRequest, Sender>();
  const turns = new Turns(options.clock, { ...defaultTurns, ...options.turns });
  server.removeAllContentTypeParsers();
  server.addContentTypeParser("*", { parseAs: "string" }, (_request, body, done) => done(null, body));
  server.addHook("onRequest", async (request, reply) => {
    // A body would be read for every method and path that gets further.
    const path = pathOf(request);
    if (path === undefined) return reply.code(404).send({ error: "there is nothing here" });
    if (path === "/events" && request.method === "OPTIONS") return shakeHands(request, reply, senders);
    if (request.method !== "POST")
      return reply
        .code(405)
        .header("allow", path === "/events" ? "OPTIONS, POST" : "POST")
        .send({ error: `${path} takes POST only` });
    // Before anything is waited for: who has gone away by then is not heard of any more.
    const over = whenOver(reply);
    const sender = await senders.identify(credentialsOf(request));
    if (sender === undefined)
      return reply
        .code(401)
        .header("www-authenticate", "Bearer")
        .send({ error: "who sends this is not known: send a bearer token or a client certificate" });
    known.set(request, sender);
    if (!sender.paths.includes(path))
      return reply.code(403).send({ error: `sender ${sender.name} may not use ${path}` });
    const turn = await turns.take({
      sender,
      bytes: sizeOf(request, BODY_LIMIT_BYTES[path]),
      patient: path === "/alerts",
      gone: over,
    });
    if ("end" in turn) {
      if (over.aborted) turn.end();
      else over.addEventListener("abort", turn.end, { once: true });
      return;
    }
    // Alertmanager gives an alert up after 429.
    const status = turn.refused === "rate" ? 429 : 503;
    return later(reply, turn.afterMs, status === 429 ? "too many requests" : "busy", status);
  });
  server.addHook("onResponse", async (request, { statusCode: status }) => {
    observe({
      kind: "answered",
      path: pathOf(request) ?? "other",
      sender: known.get(request)?.name ?? "",
      status,
    });
  });
  server.setErrorHandler((error, request, reply) => {
    const status = statusOf(error);
    if (status === 413 && pathOf(request) === "/alerts") {
      const most = `body: is larger than ${BODY_LIMIT_BYTES["/alerts"] / MIB} MiB; group by ["..."] or set max_alerts`;
      const fate = options.areCompared
        ? UNTIL_ASKED
        : "its alerts are lost unless it comes again in smaller ones";
      const problem = `${most}; ${fate}`;
      observe({ kind: "oversized", sender: known.get(request)?.name ?? "", problem });
      // After 4xx Alertmanager gives up, and nobody would bring these alerts.
      if (!options.areCompared) return later(reply, OVERSIZED_AGAIN_MS, problem);
    }
    if (status !== undefined)
      return reply.code(status).send({ error: error instanceof Error ? error.message : "bad request" });
    observe({ kind: "fault", where: "ingress", error });
    return later(reply, 5_000, "not possible now");
  });

  server.post("/alerts", { bodyLimit: BODY_LIMIT_BYTES["/alerts"] }, async (request, reply) => {
    const sender = known.get(request);
    const { status, retryAfterMs, answer } = await receiveAlerts(
      textOf(request),
      sender?.name ?? "",
      options,
    );
    if (retryAfterMs !== undefined) retryAfter(reply, retryAfterMs);
    return reply.code(status).send(answer);
  });
  server.post("/events", { bodyLimit: BODY_LIMIT_BYTES["/events"] }, (request, reply) => {
    const sender = known.get(request);
    if (sender === undefined) return reply.code(401).send();
    const { headers } = request;
    const { status, problems } = receiveEvents({ headers, body: textOf(request) }, sender, options);
    if (status === 503) return later(reply, 5_000, problems.join("; "));
    return problems.length === 0 ? reply.code(status).send() : reply.code(status).send({ problems });
  });
  return server;
}

/** The framework's own limits do not reach a server it is handed. */
function serverOf(options: IngressOptions, handler: RequestListener): Server {
  const server = listenerOf(options, handler);
  server.maxConnections = MOST_CONNECTIONS;
  return server;
}

function listenerOf({ tls }: IngressOptions, handler: RequestListener): Server {
  if (tls === undefined) return http.createServer(timeLimits, handler);
  const server = createTlsServer(
    {
      ...timeLimits,
      handshakeTimeout: REQUEST_TIMEOUT_MS,
      ...tls.current(),
      // Who has no certificate may have a token; `authorized` tells whether the certificate counts.
      requestCert: tls.clientCertificates,
      rejectUnauthorized: false,
    },
    handler,
  );
  tls.onChange((context) => server.setSecureContext(context));
  return server;
}

/** Needs no credentials: a sender that asks has not been let in yet. */
function shakeHands({ headers }: FastifyRequest, reply: FastifyReply, senders: Senders): FastifyReply {
  const grant = grantOf(headers, senders.all);
  if (grant !== undefined) return reply.code(200).headers(grant).send();
  return reply.code(403).send({ error: "WebHook-Request-Origin: this origin is not granted" });
}

/** Also of a request whose method has no route. */
function pathOf({ routeOptions, url: asked }: FastifyRequest): Routes | undefined {
  const url = routeOptions.url ?? asked.split("?")[0];
  return url === "/alerts" || url === "/events" ? url : undefined;
}

function credentialsOf({ headers, raw }: FastifyRequest) {
  const { socket } = raw;
  const certificate =
    socket instanceof TLSSocket && socket.authorized ? socket.getPeerX509Certificate() : undefined;
  return { authorization: headers.authorization, certificateSubject: certificate?.subject };
}

/** Largest size the body can have: what its sender says, else what it may have. */
function sizeOf({ headers }: FastifyRequest, limit: number): number {
  const said = Number(headers["content-length"] ?? limit);
  return Number.isFinite(said) ? Math.min(said, limit) : limit;
}

/** Aborts when the request has been answered, also when the sender goes away in the middle. */
function whenOver({ raw }: FastifyReply): AbortSignal {
  const over = new AbortController();
  raw.once("finish", () => over.abort());
  raw.once("close", () => over.abort());
  return over.signal;
}

function later(reply: FastifyReply, afterMs: number, error: string, status: 429 | 503 = 503): FastifyReply {
  return retryAfter(reply, afterMs).code(status).send({ error });
}

/** RFC 9110, section 10.2.3: whole seconds. */
function retryAfter(reply: FastifyReply, afterMs: number): FastifyReply {
  return reply.header("retry-after", String(Math.max(1, Math.ceil(afterMs / 1000))));
}

function textOf({ body }: FastifyRequest): string {
  return typeof body === "string" ? body : "";
}

/** Errors of fastify about the request, such as a body that is too large. */
function statusOf(error: unknown): number | undefined {
  if (!(error instanceof Error) || !("statusCode" in error)) return undefined;
  const { statusCode } = error;
  return typeof statusCode === "number" && statusCode >= 400 && statusCode < 500 ? statusCode : undefined;
}
