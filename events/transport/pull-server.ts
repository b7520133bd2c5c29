import { fastify, type FastifyInstance, type FastifyReply, type FastifyRequest } from "fastify";
import type * as z from "zod";
import { BODY_LIMIT_BYTES, holderSchema, leaveSchema } from "#events/transport/pull-protocol.ts";
import type { PullRunner } from "#events/transport/pull-runner.ts";

/** Whose work a caller may take, as far as its token says it. */
export type LeaseRights = (
  token: string,
) => Promise<"refused" | "unavailable" | { readonly mayTake: (name: string) => boolean }>;

export interface PullServerOptions {
  readonly runner: PullRunner;
  /** Names of all functions there are. */
  readonly functions: readonly string[];
  readonly rightsOf: LeaseRights;
  /** Version of this hub's code; pods of another one get no work. */
  readonly version: string;
  /** Hears of pods of another version. */
  readonly otherVersion: (functions: readonly string[], version: string) => void;
}

/** During a rollout hub and pods are of one version again after some seconds. */
const OTHER_VERSION_RETRY_S = 5;

/** Characters the names of functions may have that one process serves together. */
const LONGEST_NAMES = 4_000;

interface Lease {
  readonly Params: { readonly lease: string };
}
interface Functions {
  readonly Params: { readonly functions: string };
}

/**
 * Where pods come for work; see the protocol. Who asks is known before anything else: a caller takes, renews and ends only what it has a right to, and
 * nobody can tell from an answer whether somebody else's lease exists.
 */
export function pullServer(options: PullServerOptions): FastifyInstance {
  const { runner, functions, rightsOf } = options;
  const server = fastify({
    bodyLimit: BODY_LIMIT_BYTES,
    forceCloseConnections: true,
    exposeHeadRoutes: false,
    routerOptions: { maxParamLength: LONGEST_NAMES },
  });
  const mayTake = new WeakMap<FastifyRequest, (name: string) => boolean>();
  server.removeAllContentTypeParsers();
  server.addContentTypeParser("*", { parseAs: "string" }, (_request, body, done) => done(null, body));

  server.addHook("onRequest", async (request, reply) => {
    const [, token] = /^Bearer (\S+)$/.exec(request.headers.authorization ?? "") ?? [];
    const rights = token === undefined ? "refused" : await rightsOf(token);
    if (rights === "unavailable")
      return reply
        .code(503)
        .header("retry-after", "1")
        .send({ error: "who asks cannot be verified now; ask again" });
    if (rights === "refused")
      return reply
        .code(401)
        .header("www-authenticate", "Bearer")
        .send({ error: "this token is not that of a function; is it meant for this hub, and still valid?" });
    mayTake.set(request, rights.mayTake);
  });

  /** The functions a request names, if it may take their work; otherwise it has been answered. */
  const named = (request: FastifyRequest<Functions>, reply: FastifyReply): readonly string[] | undefined => {
    const names = request.params.functions.split(",");
    const unknown = names.find((name) => !functions.includes(name));
    const others = names.find((name) => mayTake.get(request)?.(name) !== true);
    if (unknown === undefined && others === undefined) return names;
    const [status, error] =
      others === undefined
        ? [404, `no function ${unknown} is known here; are both of one version?`]
        : [403, `this account may not take work of ${others}`];
    void reply.code(status).send({ error });
    return undefined;
  };
  const mayTouch = (request: FastifyRequest<Lease>): boolean => {
    const name = runner.functionOf(request.params.lease);
    return name !== undefined && mayTake.get(request)?.(name) === true;
  };

  server.post<Functions>("/lease/:functions", async (request, reply) => {
    const gone = whenGone(reply);
    const names = named(request, reply);
    if (names === undefined) return reply;
    const holder = read(request, holderSchema);
    if (holder === undefined)
      return reply.code(400).send({ error: "say who takes it: {holder, version}, both text" });
    if (holder.version !== options.version) {
      options.otherVersion(names, holder.version);
      const error = `this hub is of version ${options.version}; a pod of the same gets its work`;
      return reply.code(412).header("retry-after", OTHER_VERSION_RETRY_S).send({ error });
    }
    const grant = await runner.lease(names, holder.holder, gone);
    return grant ?? reply.code(204).send();
  });
  server.post<Lease>("/renew/:lease", async (request, reply) => {
    const renewed = mayTouch(request) ? await runner.renew(request.params.lease) : undefined;
    return renewed ?? noMore(reply);
  });
  server.post<Lease>("/outcome/:lease", async (request, reply) => {
    if (runner.functionOf(request.params.lease) !== undefined && !mayTouch(request)) return noMore(reply);
    const taken = runner.outcome(request.params.lease, parsed(request));
    if (taken === "gone") return noMore(reply);
    if (taken === "taken") return {};
    return reply
      .code(400)
      .send({ error: "this is no answer of a run, or of one that could not read its dispatch" });
  });
  server.post<Functions>("/leave/:functions", async (request, reply) => {
    const names = named(request, reply);
    if (names === undefined) return reply;
    const leaving = read(request, leaveSchema);
    if (leaving === undefined) return reply.code(400).send({ error: "say who leaves: {holder, keeps}" });
    runner.leave(names, leaving);
    return {};
  });
  return server;
}

function noMore(reply: FastifyReply): FastifyReply {
  return reply.code(410).send({ error: "there is no such lease any more" });
}

/** Aborts when the caller has gone before it was answered. */
function whenGone({ raw }: FastifyReply): AbortSignal {
  const gone = new AbortController();
  raw.once("close", () => gone.abort());
  return gone.signal;
}

function parsed({ body }: { readonly body: unknown }): unknown {
  try {
    return JSON.parse(typeof body === "string" ? body : "");
  } catch {
    return undefined;
  }
}

function read<T>(request: { readonly body: unknown }, schema: z.ZodType<T>): T | undefined {
  return schema.safeParse(parsed(request)).data;
}
