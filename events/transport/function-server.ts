import type { ServerResponse } from "node:http";
import { finished } from "node:stream/promises";
import { fastify, type FastifyInstance, type FastifyRequest } from "fastify";
import { HTTP } from "cloudevents";
import { AttemptsUnderWay } from "#events/transport/attempts-under-way.ts";
import { admitCallers, later, type Verify } from "#events/transport/callers.ts";
import { decodedHeaders } from "#events/transport/event-headers.ts";
import { receivedDispatch, type ReceivedDispatch } from "#events/transport/received-dispatch.ts";
import { runServed, type ServedSteps } from "#events/transport/served-step.ts";
import type { RunAnswer } from "#events/transport/wire.ts";

/** Header that says how long the hub waits for the answer, ms. Clocks of two machines differ, so it is a duration and never a time. */
export const DEADLINE_HEADER = "capfn-deadline-ms";

/** Header that says, both ways, of which version the code is that speaks. */
export const VERSION_HEADER = "capfn-version";

export interface FunctionServerOptions extends ServedSteps {
  /** Undefined: whoever reaches this server may ask; for loopback only. */
  readonly verify: Verify | undefined;
  /** Version of this code; a hub of another one is refused. */
  readonly version: string;
}

/** A snapshot with a pool of 10,000 entries is about 1 MB. */
const BODY_LIMIT_BYTES = 8 << 20;

/** After this time hub and function are of one version again, most likely: during a rollout one comes up some seconds after the other. */
const OTHER_VERSION_RETRY_S = 5;

/**
 * Functions behind HTTP: takes a dispatch as a CloudEvent, binary or structured, runs the step, and answers with its outcomes. Whatever is
 * wrong with the request is answered before a step begins, with a status other than 200; 503 means that another try may succeed.
 */
export function functionServer(options: FunctionServerOptions): FastifyInstance {
  const server = fastify({ bodyLimit: BODY_LIMIT_BYTES });
  const functions = new Map(options.functions.map((fn) => [fn.name, fn]));
  const underWay = new AttemptsUnderWay<RunAnswer>();
  /** Highest epoch that asked; a hub of a lower one has lost the lead and does not know it yet. */
  let newestEpoch = 0;
  server.removeAllContentTypeParsers();
  server.addContentTypeParser("*", { parseAs: "string" }, (_request, body, done) => done(null, body));

  let closing = false;
  const open = new Set<Promise<void>>();
  server.addHook("preClose", async () => {
    closing = true;
    // Then nothing but connections without a request is left; some clients hold one ready, and the server would wait for it.
    void Promise.allSettled(open).then(() => server.server.closeAllConnections());
  });
  server.get("/healthz", () => "ok");
  server.get("/readyz", () => "ok");

  server.addHook("onRequest", async (_request, reply) => {
    void reply.header(VERSION_HEADER, options.version);
  });
  admitCallers(server, options.verify);

  server.post<{ Params: { name: string } }>("/:name", async (request, reply) => {
    if (closing) return later(reply, "this process is ending");
    const fn = functions.get(request.params.name);
    if (fn === undefined)
      return reply.code(404).send({ error: `no function ${request.params.name} is served here` });
    const event = readEvent(request);
    if (typeof event === "string") return reply.code(400).send({ error: event });
    if (request.headers[VERSION_HEADER] !== options.version)
      return reply
        .code(412)
        .header("retry-after", OTHER_VERSION_RETRY_S)
        .send({ error: `${VERSION_HEADER}: this function is of version ${options.version}` });
    if (event.epoch < newestEpoch)
      return reply
        .code(409)
        .send({ error: "a hub that leads since has asked already; this one has lost the lead" });
    newestEpoch = event.epoch;
    const deadlineMs = Number(request.headers[DEADLINE_HEADER]);
    if (!(deadlineMs > 0))
      return reply
        .code(400)
        .send({ error: `${DEADLINE_HEADER}: say how many milliseconds the step has, e.g. 30000` });
    const attempt = underWay.join(event, (end, turn) =>
      runServed(options, fn, event, { end, turn, deadlineMs }),
    );
    if (attempt === undefined) return reply.code(409).send({ error: "a newer attempt of its key runs" });
    if (attempt.end.signal.aborted) return later(reply, "this attempt is just being given up");
    reply.raw.once("close", attempt.joined());
    reply.hijack();
    const answered = answer(reply.raw, attempt.answer);
    open.add(answered);
    await answered;
    open.delete(answered);
  });

  const answer = async (raw: ServerResponse, answered: Promise<RunAnswer>): Promise<void> => {
    raw.writeHead(200, { "content-type": "application/json", [VERSION_HEADER]: options.version });
    // So that the hub knows that the step is taken up, however long it takes.
    raw.flushHeaders();
    try {
      raw.end(JSON.stringify(await answered));
      await finished(raw, { readable: false });
    } catch {
      raw.destroy();
    }
  };

  return server;
}

/** The dispatch in a request; text for whoever sent it when it is none. */
function readEvent({ headers, body }: FastifyRequest): ReceivedDispatch | string {
  try {
    const received = HTTP.toEvent<unknown>({
      headers: decodedHeaders(headers),
      body: typeof body === "string" ? body : "",
    });
    if (Array.isArray(received)) return "one event at a time; a batch is not taken here";
    return receivedDispatch(received);
  } catch {
    return "this is no CloudEvent of the hub; it needs id, source, type, causationid, time, function, attempt and data as JSON";
  }
}
