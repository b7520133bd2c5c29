import { fastify, type FastifyInstance, type FastifyReply, type FastifyRequest } from "fastify";
import { HTTP } from "cloudevents";
import * as z from "zod";
import { causeOf } from "#events/transport/received-dispatch.ts";
import { runAttempt } from "#events/transport/run-attempt.ts";
import type { RunResult } from "#events/transport/runner.ts";
import type { RunnerWorld } from "#events/transport/step-deps.ts";
import { answerOf, type RunAnswer } from "#events/transport/wire.ts";
import type { StepFunction } from "#functions/contract/function.ts";
import type { Contain } from "#platform/process/stray-rejections.ts";
import type { ResourceView } from "#platform/kube/view.ts";

/** Header that says how long the hub waits for the answer, ms. Clocks of two machines differ, so it is a duration and never a time. */
export const DEADLINE_HEADER = "capfn-deadline-ms";

/** Who asks, as far as a token says it. */
export type Verify = (token: string) => Promise<"allowed" | "refused" | "unavailable">;

export interface FunctionServerOptions {
  /** Each is served at `/<name>`. */
  readonly functions: readonly StepFunction[];
  /** Views of all functions there are: objects that are written are told to the hub as these see them. */
  readonly views: readonly ResourceView<unknown>[];
  readonly world: RunnerWorld;
  /** Undefined: whoever reaches this server may ask; for loopback only. */
  readonly verify: Verify | undefined;
  readonly contain: Contain;
  /** Hears of every attempt that was run. */
  readonly ran: (name: string, result: RunResult) => void;
}

/** A snapshot with a pool of 10,000 entries is about 1 MB. */
const BODY_LIMIT_BYTES = 8 << 20;

const attemptSchema = z.object({ attempt: z.string().regex(/^\d+\.\d+$/), function: z.string() });

/**
 * Functions behind HTTP: takes a dispatch as a CloudEvent, binary or structured, runs the step, and answers with its outcomes. Whatever is
 * wrong with the request is answered before a step begins; 503 means that another try may succeed.
 */
export function functionServer(options: FunctionServerOptions): FastifyInstance {
  const server = fastify({ bodyLimit: BODY_LIMIT_BYTES });
  const functions = new Map(options.functions.map((fn) => [fn.name, fn]));
  const underWay = new Map<string, UnderWay>();
  /** Highest epoch that asked; a hub of a lower one has lost the lead and does not know it yet. */
  let newestEpoch = 0;
  server.removeAllContentTypeParsers();
  server.addContentTypeParser("*", { parseAs: "string" }, (_request, body, done) => done(null, body));

  server.get("/healthz", () => "ok");
  server.get("/readyz", () => "ok");

  server.addHook("onRequest", async (request, reply) => {
    if (request.method !== "POST" || options.verify === undefined) return;
    const [, token] = /^Bearer (\S+)$/.exec(request.headers.authorization ?? "") ?? [];
    const verdict = token === undefined ? "refused" : await options.verify(token);
    if (verdict === "unavailable") return later(reply, "who asks cannot be verified now");
    if (verdict === "refused")
      return reply
        .code(401)
        .header("www-authenticate", "Bearer")
        .send({ error: "this token may not run steps" });
  });

  server.post<{ Params: { name: string } }>("/:name", async (request, reply) => {
    const fn = functions.get(request.params.name);
    if (fn === undefined)
      return reply.code(404).send({ error: `no function ${request.params.name} is served here` });
    const event = readEvent(request);
    if (typeof event === "string") return reply.code(400).send({ error: event });
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
    // The same attempt once more, e.g. from a proxy that tries again, shares the answer of the one under way.
    const attempt = underWay.get(event.token) ?? begin(fn, event, deadlineMs);
    if (attempt.end.signal.aborted) return later(reply, "this attempt is just being given up");
    attempt.asking += 1;
    reply.raw.once("close", () => {
      attempt.asking -= 1;
      // Nobody would hear of what is written from now on.
      if (attempt.asking === 0) attempt.end.abort(new Error("the hub no longer waits for the answer"));
    });
    return attempt.answer;
  });

  const begin = (fn: StepFunction, event: ReadEvent, deadlineMs: number): UnderWay => {
    const end = new AbortController();
    const { token } = event;
    const answer = run(fn, event, { end, deadlineMs });
    const attempt: UnderWay = { answer, end, asking: 0 };
    const forget = () => void underWay.delete(token);
    underWay.set(token, attempt);
    void answer.then(forget, forget);
    return attempt;
  };

  const run = async (
    fn: StepFunction,
    { token, data, cause }: ReadEvent,
    { end, deadlineMs }: { end: AbortController; deadlineMs: number },
  ): Promise<RunAnswer> => {
    const { clock } = options.world;
    const cancel = clock.schedule(Math.min(deadlineMs, fn.timeoutMs), () =>
      end.abort(new Error("the attempt passed its deadline")),
    );
    const { contain, world } = options;
    const step = { token, signal: end.signal };
    const result = await runAttempt({ world, contain, attempt: step }, (deps) =>
      fn.runFromData(data, cause, deps),
    );
    cancel();
    options.ran(fn.name, result);
    return answerOf(result, options.views);
  };
  return server;
}

/** An attempt that runs, for everybody who asks for it. */
interface UnderWay {
  readonly answer: Promise<RunAnswer>;
  /** Ends its right to write. */
  readonly end: AbortController;
  /** Requests that wait for the answer. */
  asking: number;
}

interface ReadEvent {
  readonly token: string;
  readonly data: unknown;
  readonly cause: ReturnType<typeof causeOf>;
}

/** The dispatch in a request; text for whoever sent it when it is none. */
function readEvent({ headers, body }: FastifyRequest): ReadEvent | string {
  try {
    const received = HTTP.toEvent<unknown>({ headers, body: typeof body === "string" ? body : "" });
    if (Array.isArray(received)) return "one event at a time; a batch is not taken here";
    const attempt = attemptSchema.safeParse(received).data?.attempt;
    if (attempt === undefined)
      return "the event names no attempt of the hub: attributes function and attempt";
    return { token: attempt, data: received.data, cause: causeOf(received) };
  } catch {
    return "this is no CloudEvent of the hub; it needs id, source, type, causationid, time, function, attempt and data as JSON";
  }
}

function later(reply: FastifyReply, error: string): FastifyReply {
  return reply.code(503).header("retry-after", "1").send({ error });
}
