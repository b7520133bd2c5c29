import type { ServerResponse } from "node:http";
import { finished } from "node:stream/promises";
import { fastify, type FastifyInstance, type FastifyRequest } from "fastify";
import { HTTP } from "cloudevents";
import * as z from "zod";
import { AttemptsUnderWay } from "#events/transport/attempts-under-way.ts";
import { admitCallers, later, type Verify } from "#events/transport/callers.ts";
import { causeOf } from "#events/transport/cloud-event.ts";
import { decodedHeaders } from "#events/transport/event-headers.ts";
import { runAttempt } from "#events/transport/run-attempt.ts";
import type { RunResult } from "#events/transport/runner.ts";
import type { RunnerWorld } from "#events/transport/step-deps.ts";
import { answerOf, type RunAnswer } from "#events/transport/wire.ts";
import type { StepFunction } from "#functions/contract/function.ts";
import type { Contain } from "#platform/process/stray-rejections.ts";
import type { ResourceView } from "#platform/kube/view.ts";

/** Header that says how long the hub waits for the answer, ms. Clocks of two machines differ, so it is a duration and never a time. */
export const DEADLINE_HEADER = "capfn-deadline-ms";

/** Header that says, both ways, of which version the code is that speaks. */
export const VERSION_HEADER = "capfn-version";

export interface FunctionServerOptions {
  /** Each is served at `/<name>`. */
  readonly functions: readonly StepFunction[];
  /** Views of all functions there are: objects that are written are told to the hub as these see them. */
  readonly views: readonly ResourceView<unknown>[];
  readonly world: RunnerWorld;
  /** Undefined: whoever reaches this server may ask; for loopback only. */
  readonly verify: Verify | undefined;
  /** Version of this code; a hub of another one is refused. */
  readonly version: string;
  readonly contain: Contain;
  /** Hears of every attempt that was run. */
  readonly ran: (name: string, result: RunResult) => void;
}

/** A snapshot with a pool of 10,000 entries is about 1 MB. */
const BODY_LIMIT_BYTES = 8 << 20;

/** After this time hub and function are of one version again, most likely: during a rollout one comes up some seconds after the other. */
const OTHER_VERSION_RETRY_S = 5;

const attemptSchema = z.object({
  attempt: z.string().regex(/^\d+\.\d+$/),
  function: z.string(),
  partitionkey: z.string().optional(),
});

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
    const [epoch = 0] = event.token.split(".").map(Number);
    if (epoch < newestEpoch)
      return reply
        .code(409)
        .send({ error: "a hub that leads since has asked already; this one has lost the lead" });
    newestEpoch = epoch;
    const deadlineMs = Number(request.headers[DEADLINE_HEADER]);
    if (!(deadlineMs > 0))
      return reply
        .code(400)
        .send({ error: `${DEADLINE_HEADER}: say how many milliseconds the step has, e.g. 30000` });
    const attempt = underWay.join(event, (end, turn) => run(fn, event, { end, turn, deadlineMs }));
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

  const run = async (
    fn: StepFunction,
    { token, data, cause }: ReadEvent,
    { end, turn, deadlineMs }: { end: AbortController; turn: Promise<void>; deadlineMs: number },
  ): Promise<RunAnswer> => {
    const { clock } = options.world;
    const cancel = clock.schedule(Math.min(deadlineMs, fn.timeoutMs), () =>
      end.abort(new Error("the attempt passed its deadline")),
    );
    const { contain, world } = options;
    const step = { token, signal: end.signal };
    const result = await runAttempt({ world, contain, attempt: step }, async (deps) => {
      await turn;
      end.signal.throwIfAborted();
      return fn.runFromData(data, cause, deps);
    });
    cancel();
    options.ran(fn.name, result);
    return answerOf(result, options.views);
  };
  return server;
}

interface ReadEvent {
  readonly token: string;
  /** Nothing else of this key runs meanwhile. */
  readonly key: string;
  readonly data: unknown;
  readonly cause: ReturnType<typeof causeOf>;
}

/** The dispatch in a request; text for whoever sent it when it is none. */
function readEvent({ headers, body }: FastifyRequest): ReadEvent | string {
  try {
    const received = HTTP.toEvent<unknown>({
      headers: decodedHeaders(headers),
      body: typeof body === "string" ? body : "",
    });
    if (Array.isArray(received)) return "one event at a time; a batch is not taken here";
    const named = attemptSchema.safeParse(received).data;
    if (named === undefined) return "the event names no attempt of the hub: attributes function and attempt";
    const { attempt: token, partitionkey: key = token } = named;
    return { token, key, data: received.data, cause: causeOf(received) };
  } catch {
    return "this is no CloudEvent of the hub; it needs id, source, type, causationid, time, function, attempt and data as JSON";
  }
}
