import type { IncomingMessage } from "node:http";
import { request } from "node:https";
import type { Duplex } from "node:stream";
import type * as z from "zod";
import { refusalSchema } from "#platform/etcd/answers.ts";
import { EtcdError } from "#platform/etcd/errors.ts";
import { secured } from "#platform/etcd/secured-stream.ts";
import { readBody } from "#platform/kube/answer-body.ts";

/** What a client of etcd shows and trusts; all PEM. */
export interface EtcdCredentials {
  readonly caPem: string;
  readonly certPem: string;
  readonly keyPem: string;
}

/** Where and how one member is reached. */
export interface EtcdEndpoint {
  /** Client URL, e.g. `https://10.0.0.7:2379`. */
  readonly url: string;
  readonly credentials: EtcdCredentials;
  /** Longest wait for the whole answer of one call, ms. */
  readonly timeoutMs: number;
  /** Aborts what is under way; nothing is sent once it has aborted. */
  readonly signal: AbortSignal;
  /** Opens what TLS is spoken over, e.g. a tunnel; a TCP connection to the URL when left out. Who answers is verified all the same. */
  readonly connect?: (() => Promise<Duplex>) | undefined;
}

/** One call of the gRPC gateway (etcd, "Why gRPC gateway"): always POST, under `/v3`. */
export interface EtcdCall {
  /** e.g. `cluster/member/list`. */
  readonly path: string;
  readonly body: Readonly<Record<string, unknown>>;
}

const LARGEST_ANSWER_BYTES = 1 << 20;

/**
 * Sends one call and reads its answer.
 *
 * @throws EtcdError
 */
export async function callGateway<T>(
  endpoint: EtcdEndpoint,
  call: EtcdCall,
  answer: z.ZodType<T>,
): Promise<T> {
  const what = describe(endpoint, call);
  const response = await openGateway(endpoint, call);
  let text: string;
  try {
    text = await readBody(response, LARGEST_ANSWER_BYTES);
  } catch (error) {
    throw new EtcdError(`${what}: the answer broke off`, { reason: "unreachable", cause: error });
  }
  const parsed = answer.safeParse(parseJson(text));
  if (parsed.success) return parsed.data;
  const fields = parsed.error.issues.map(({ path }) => path.join(".")).join(", ");
  throw new EtcdError(`${what}: the answer is not one of etcd's gateway; look at: ${fields}`, {
    reason: "unfit",
  });
}

/**
 * Sends one call and resolves with the answer once its headers say success; the caller reads the body.
 *
 * @throws EtcdError
 */
export async function openGateway(endpoint: EtcdEndpoint, call: EtcdCall): Promise<IncomingMessage> {
  const what = describe(endpoint, call);
  let response: IncomingMessage;
  try {
    response = await send(endpoint, call);
  } catch (error) {
    throw new EtcdError(`${what}: no answer (${codeOf(error)})`, { reason: "unreachable", cause: error });
  }
  if (response.statusCode === 200) return response;
  const refusal = refusalSchema.safeParse(
    parseJson(await readBody(response, LARGEST_ANSWER_BYTES).catch(() => "")),
  ).data;
  const said = refusal?.message ?? refusal?.error ?? `HTTP ${response.statusCode ?? 0}`;
  throw new EtcdError(`${what}: ${said}`, { reason: "refused", code: refusal?.code });
}

async function send(endpoint: EtcdEndpoint, call: EtcdCall): Promise<IncomingMessage> {
  const signal = AbortSignal.any([endpoint.signal, AbortSignal.timeout(endpoint.timeoutMs)]);
  signal.throwIfAborted();
  const stream =
    endpoint.connect === undefined ? undefined : await secured(endpoint.connect(), endpoint, signal);
  return new Promise((resolve, reject) => {
    const { caPem, certPem, keyPem } = endpoint.credentials;
    const body = JSON.stringify(call.body);
    const outgoing = request(new URL(`/v3/${call.path}`, endpoint.url), {
      method: "POST",
      signal,
      ...(stream === undefined
        ? { agent: false, ca: caPem, cert: certPem, key: keyPem }
        : { createConnection: () => stream }),
      headers: { "content-type": "application/json", "content-length": Buffer.byteLength(body) },
    });
    outgoing.on("error", reject);
    outgoing.on("response", resolve);
    outgoing.end(body);
  });
}

function describe({ url }: EtcdEndpoint, { path }: EtcdCall): string {
  return `etcd ${url}: ${path}`;
}

/** Undefined when it is no JSON; then no schema fits. */
export function parseJson(text: string): unknown {
  try {
    const value: unknown = JSON.parse(text);
    return value;
  } catch {
    return undefined;
  }
}

function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return "unknown";
  return "code" in error && typeof error.code === "string" ? error.code : error.name;
}
