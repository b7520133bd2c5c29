import { request, type IncomingMessage } from "node:http";
import type { TLSSocket } from "node:tls";
import * as z from "zod";
import { readBody } from "#platform/kube/answer-body.ts";
import { connectTo, type IncusEndpoint } from "#platform/incus/connection.ts";
import { IncusError } from "#platform/incus/errors.ts";

const TIME_LIMIT_MS = 8_000;
const LARGEST_ANSWER_BYTES = 1 << 20;

/** What the server knows of a client certificate (REST API, `/1.0/certificates`). Names need not be unique; fingerprints are. */
const trustSchema = z.looseObject({
  name: z.string().default(""),
  type: z.string().default("client"),
  restricted: z.boolean().default(false),
  projects: z
    .array(z.string())
    .nullish()
    .transform((projects) => projects ?? []),
  fingerprint: z.string(),
});

export type TrustEntry = z.infer<typeof trustSchema>;

/** An entry that is to be made: the rights of another, for a certificate. */
export interface NewTrust extends Pick<TrustEntry, "name" | "type" | "restricted" | "projects"> {
  readonly certPem: string;
}

/** The REST API of LXD and Incus as far as trust goes. Every method throws `IncusError`. */
export interface IncusClient {
  /** Whether the server trusts the certificate that this client shows. */
  isTrusted(): Promise<boolean>;
  /** Whether the client may use this project. */
  mayUse(project: string): Promise<boolean>;
  /** Undefined when the fingerprint is not in the trust store, or the client may not see it. */
  trusted(fingerprint: string): Promise<TrustEntry | undefined>;
  trust(entry: NewTrust): Promise<void>;
  /** False when it was not there. */
  distrust(fingerprint: string): Promise<boolean>;
}

const answerSchema = z.looseObject({ metadata: z.unknown() });
const serverSchema = z.looseObject({ auth: z.string() });

/** A client for one attempt. Nothing is sent before the first call; each call has a connection of its own. */
export function createIncusClient(endpoint: IncusEndpoint): IncusClient {
  const ask = (method: string, path: string, body?: object) => send(endpoint, { method, path, body });
  return {
    isTrusted: async () => serverSchema.parse(await ask("GET", "/1.0")).auth === "trusted",
    mayUse: async (project) =>
      (await unlessStatus(
        ask("GET", `/1.0/instances?project=${encodeURIComponent(project)}`),
        [403, 404],
      )) !== undefined,
    trusted: async (fingerprint) => {
      const found = await unlessStatus(ask("GET", `/1.0/certificates/${fingerprint}`), [404]);
      if (found === undefined) return undefined;
      const entry = trustSchema.safeParse(found);
      // A prefix would do for the server.
      if (entry.success && entry.data.fingerprint === fingerprint) return entry.data;
      throw new IncusError(`${endpoint.url}: the entry of the trust store cannot be read`, {
        reason: "unfit",
      });
    },
    trust: async ({ certPem, name, type, restricted, projects }) => {
      const certificate = certPem.replaceAll(/-----[^-]+-----|\s/g, "");
      await ask("POST", "/1.0/certificates", { certificate, name, type, restricted, projects });
    },
    distrust: async (fingerprint) =>
      (await unlessStatus(ask("DELETE", `/1.0/certificates/${fingerprint}`), [404])) !== undefined,
  };
}

interface Call {
  readonly method: string;
  readonly path: string;
  readonly body?: object | undefined;
}

/** The answer's `metadata`; an empty object where there is none. */
async function send(endpoint: IncusEndpoint, { method, path, body }: Call): Promise<unknown> {
  const what = `${endpoint.url}: ${method} ${path}`;
  const signal = AbortSignal.any([endpoint.signal, AbortSignal.timeout(TIME_LIMIT_MS)]);
  const socket = await connectTo(endpoint, signal);
  let status: number;
  let text: string;
  try {
    const response = await exchange(
      socket,
      { method, path, body },
      { signal, host: new URL(endpoint.url).host },
    );
    status = response.statusCode ?? 0;
    text = await readBody(response, LARGEST_ANSWER_BYTES);
  } catch (error) {
    throw new IncusError(`${what}: no answer`, { reason: "unreachable", cause: error });
  } finally {
    socket.destroy();
  }
  if (status < 200 || status > 299) {
    throw new IncusError(`${what}: HTTP ${status}`, { reason: "refused", status });
  }
  const answer = answerSchema.safeParse(parsed(text));
  if (answer.success) return answer.data.metadata ?? {};
  throw new IncusError(`${what}: the answer is none of LXD or Incus`, { reason: "unfit" });
}

function exchange(
  socket: TLSSocket,
  { method, path, body }: Call,
  { signal, host }: { readonly signal: AbortSignal; readonly host: string },
): Promise<IncomingMessage> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const text = body === undefined ? "" : JSON.stringify(body);
  const outgoing = request({
    method,
    path,
    signal,
    createConnection: () => socket,
    headers: {
      host,
      connection: "close",
      ...(body !== undefined && {
        "content-type": "application/json",
        "content-length": String(Buffer.byteLength(text)),
      }),
    },
  });
  outgoing.once("error", reject);
  outgoing.once("response", resolve);
  outgoing.end(text);
  return promise;
}

async function unlessStatus(asked: Promise<unknown>, statuses: readonly number[]): Promise<unknown> {
  try {
    return await asked;
  } catch (error) {
    if (error instanceof IncusError && statuses.includes(error.status ?? 0)) return undefined;
    throw error;
  }
}

function parsed(text: string): unknown {
  try {
    const value: unknown = JSON.parse(text);
    return value;
  } catch {
    return undefined;
  }
}
