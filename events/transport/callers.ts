import type { FastifyInstance, FastifyReply } from "fastify";

/** Whether the holder of a token may ask: a token that counts for nothing, one of somebody else, or nobody can say now. */
export type Verify = (token: string) => Promise<"allowed" | "refused" | "otherUser" | "unavailable">;

/** Answers every POST whose sender may not ask. `verify` undefined: whoever reaches the server may; for loopback only. */
export function admitCallers(server: FastifyInstance, verify: Verify | undefined): void {
  server.addHook("onRequest", async (request, reply) => {
    if (request.method !== "POST" || verify === undefined) return;
    const [, token] = /^Bearer (\S+)$/i.exec(request.headers.authorization ?? "") ?? [];
    const verdict = token === undefined ? "refused" : await verify(token);
    if (verdict === "unavailable") return later(reply, "who asks cannot be verified now");
    if (verdict === "refused")
      return reply
        .code(401)
        .header("www-authenticate", "Bearer")
        .send({ error: "this token may not run steps" });
    if (verdict === "otherUser")
      return reply.code(403).send({ error: "the user of this token may not run steps" });
  });
}

/** Another try may succeed, after so many seconds. */
export function later(reply: FastifyReply, error: string, afterSeconds = 1): FastifyReply {
  return reply.code(503).header("retry-after", String(afterSeconds)).send({ error });
}
