import { CloudEvent, HTTP } from "cloudevents";
import { fastify, type FastifyInstance, type FastifyReply } from "fastify";
import { NoCloudEvent, readCloudEvents } from "#events/sources/ingress/cloud-events.ts";
import { hintOf, hintTargets, UnfitEvent, type Hint } from "#events/sources/ingress/hints.ts";
import { admitCallers, later, type Verify } from "#events/transport/callers.ts";
import { encodedHeaders } from "#events/transport/event-headers.ts";
import { KeyedTurns } from "#events/transport/keyed-turns.ts";
import { judgeByReading, type ReadWorld } from "#events/transport/read-objects.ts";
import { runAttempt } from "#events/transport/run-attempt.ts";
import type { RunResult } from "#events/transport/runner.ts";
import type { RunnerWorld } from "#events/transport/step-deps.ts";
import type { StepFunction } from "#functions/contract/function.ts";
import type { Outcome } from "#functions/contract/outcome.ts";
import { isKubeError } from "#platform/kube/errors.ts";
import type { SeenMeta } from "#platform/kube/view.ts";
import type { Contain } from "#platform/process/stray-rejections.ts";

/** Type of the event in reply: a step has ended. One that comes in is no reason for another step. */
const ENDED = "dev.capfn.step.ended";

/** A whole object of ApiServerSource is at most as large as etcd takes it, 1.5 MiB. */
const BODY_LIMIT_BYTES = 2 << 20;

/** Nothing will tell when a wait is over, so the broker sends again, s. */
const WAIT_S = 10;
const LONGEST_RETRY_S = 300;

export interface TriggerServerOptions {
  /** Each is served at `/<name>`; a single one also at `/`. */
  readonly functions: readonly StepFunction[];
  readonly world: RunnerWorld;
  readonly read: ReadWorld;
  /** Whether a hub leads: then the event is left to it, which sees what changed by itself. */
  readonly hubLeads: () => Promise<boolean>;
  readonly verify: Verify | undefined;
  readonly contain: Contain;
  /** Hears of every attempt that was run. */
  readonly ran: (name: string, result: RunResult) => void;
  /** Hears of every fault, which the sender of the event is not told. */
  readonly failed: (name: string, error: unknown) => void;
}

/**
 * Functions that take events from a broker, without a hub: an event names an object, the function reads it and what it is related to, asks its
 * predicate and does one step. 200 with an event in reply: the step has ended. 204: there is nothing to do. 503: send it again. 4xx: never to be sent
 * again. Steps of one key run one after the other in this process; nothing keeps other processes away but the preconditions of their writes.
 */
export function triggerServer(options: TriggerServerOptions): FastifyInstance {
  const server = fastify({ bodyLimit: BODY_LIMIT_BYTES });
  const functions = new Map(options.functions.map((fn) => [fn.name, fn]));
  const [only] = options.functions.length === 1 ? options.functions : [];
  const turns = new KeyedTurns();
  let count = 0;
  server.removeAllContentTypeParsers();
  server.addContentTypeParser("*", { parseAs: "string" }, (_request, body, done) => done(null, body));
  admitCallers(server, options.verify);
  server.get("/healthz", () => "ok");
  server.get("/readyz", () => "ok");

  const take = async (fn: StepFunction, request: Received, reply: FastifyReply): Promise<FastifyReply> => {
    const hint = understand(fn, request, options.world.clock.now());
    if (hint === undefined) return reply.code(204).send();
    if (hint instanceof Error)
      return reply.code(hint instanceof NoCloudEvent ? hint.status : 400).send({ error: hint.message });
    const end = new AbortController();
    reply.raw.once("close", () => end.abort(new Error("the sender no longer waits for the answer")));
    try {
      if (await options.hubLeads()) return await reply.code(204).send();
      // Under its own name first: its key is known only when it has been read.
      return await turns.take(`object ${hint.ref.namespace ?? ""}/${hint.ref.name}`, () =>
        step(fn, hint, end, reply),
      );
    } catch (error) {
      options.failed(fn.name, error);
      return later(reply, "the step could not be done now", retryAfter(error));
    }
  };

  const step = async (
    fn: StepFunction,
    hint: Hint,
    end: AbortController,
    reply: FastifyReply,
  ): Promise<FastifyReply> => {
    const judged = await judgeByReading(fn, hint.ref, options.read);
    if (judged === undefined) return reply.code(204).send();
    const { need, key, blockedOn, view } = judged.evaluation;
    if (blockedOn.length > 0)
      return later(reply, `what it rests on cannot be read: ${blockedOn.join(", ")}`, WAIT_S);
    const now = options.world.clock.now();
    if (need === false || (need instanceof Date && need.getTime() > now)) return reply.code(204).send();
    const token = `0.${(count += 1)}`;
    const { contain, world } = options;
    const cancel = world.clock.schedule(fn.timeoutMs, () =>
      end.abort(new Error("the attempt passed its deadline")),
    );
    const result = await turns.take(key, () =>
      runAttempt({ world, contain, attempt: { token, signal: end.signal } }, (deps) =>
        fn.run([{ object: hint.ref, cause: hint.cause }], judged.lookup, deps),
      ),
    );
    cancel();
    options.ran(fn.name, result);
    if ("fault" in result) throw result.fault;
    return answer(reply, {
      fn,
      hint,
      meta: view.object.meta,
      outcome: result.outcomes.get(view.object.meta.uid),
    });
  };

  server.post<{ Params: { name: string } }>("/:name", async ({ params, headers, body }, reply) => {
    const fn = functions.get(params.name);
    if (fn === undefined) return reply.code(404).send({ error: `no function ${params.name} is served here` });
    return take(fn, { headers, body }, reply);
  });
  server.post("/", async ({ headers, body }, reply) =>
    only === undefined
      ? reply.code(404).send({ error: "several functions are served here; send to /<function>" })
      : take(only, { headers, body }, reply),
  );
  return server;
}

interface Received {
  readonly headers: Parameters<typeof readCloudEvents>[0];
  readonly body: unknown;
}

/** What the event asks to look at; undefined when it is one of our own answers. */
function understand(
  fn: StepFunction,
  { headers, body }: Received,
  now: number,
): Hint | NoCloudEvent | UnfitEvent | undefined {
  try {
    const events = readCloudEvents(headers, typeof body === "string" ? body : "");
    const [read] = events;
    if (read === undefined || events.length > 1) return new NoCloudEvent("one event at a time", 415);
    if ("problem" in read) return new NoCloudEvent(read.problem);
    if (read.event.type === ENDED) return undefined;
    return hintOf(read.event, hintTargets([fn.for]), () => now);
  } catch (error) {
    if (error instanceof NoCloudEvent || error instanceof UnfitEvent) return error;
    throw error;
  }
}

interface Ended {
  readonly fn: StepFunction;
  readonly hint: Hint;
  readonly meta: SeenMeta;
  readonly outcome: Outcome | undefined;
}

/** `done` and `failed` are the end of it; for the rest the event has to come again. */
function answer(reply: FastifyReply, { fn, hint, meta, outcome }: Ended): FastifyReply {
  switch (outcome?.kind) {
    case "done":
    case "failed":
      break;
    case "requeueAfter":
      return later(reply, outcome.reason, seconds(outcome.afterMs));
    case "waitFor":
      return later(reply, outcome.reason, Math.min(WAIT_S, seconds(outcome.timeoutMs)));
    case undefined:
      return later(reply, "the step came to nothing");
  }
  const { namespace, name, uid, resourceVersion } = meta;
  const { plural } = fn.for.type;
  const { headers, body } = HTTP.binary(
    new CloudEvent({
      id: `${uid}/${resourceVersion}/${fn.name}`,
      type: ENDED,
      source: `/functions/${fn.name}`,
      subject: namespace === undefined ? `${plural}/${name}` : `namespaces/${namespace}/${plural}/${name}`,
      datacontenttype: "application/json",
      causationid: hint.cause.id,
      data: {
        kind: fn.for.type.kind,
        namespace,
        name,
        uid,
        function: fn.name,
        outcome: outcome.kind,
        reason: outcome.kind === "failed" ? outcome.reason : "",
      },
    }),
  );
  return reply.code(200).headers(encodedHeaders(headers)).send(String(body));
}

function retryAfter(error: unknown): number {
  return isKubeError(error) && error.retryAfterMs !== undefined ? seconds(error.retryAfterMs) : 5;
}

function seconds(ms: number): number {
  return Math.min(LONGEST_RETRY_S, Math.max(1, Math.ceil(ms / 1_000)));
}
