import { jetstream, jetstreamManager, JetStreamApiError, type JetStreamClient } from "@nats-io/jetstream";
import {
  AuthorizationError,
  connect,
  credsAuthenticator,
  headers,
  type ConnectionOptions,
  type MsgHdrs,
  type NatsConnection,
} from "@nats-io/transport-node";
import { headerValue } from "#events/transport/broadcast/header-value.ts";
import { ReceiverTrouble, RefusedMessage, type BroadcastSink } from "#events/transport/broadcast/lane.ts";
import type { BroadcastMessage } from "#events/transport/broadcast/message.ts";
import type { NatsAddress } from "#events/transport/broadcast/nats-address.ts";

export interface NatsOptions {
  readonly address: NatsAddress;
  /** What the credentials file holds now; undefined when there is none. */
  readonly credentials: () => Promise<string | undefined>;
  readonly caPem: string | undefined;
}

/** A connection with its stream made sure of. */
interface Open {
  readonly connection: NatsConnection;
  readonly client: JetStreamClient;
}

const TIMEOUT_MS = 5_000;
const NANOSECONDS = 1_000_000;
/** JetStream: "message size exceeds maximum allowed" of the stream. */
const TOO_LARGE_FOR_STREAM = 10_054;

/**
 * NATS JetStream, in the binary mode of the CloudEvents NATS binding: attributes as headers `ce-<name>`, data as the payload. `Nats-Msg-Id` is made of
 * source and id, which name an event together, so what is sent twice is stored once. One connection, made when there is something to send and
 * made anew when it is lost; the stream is made when it is missing, so a server whose data is lost goes on from there.
 */
export function natsSink(options: NatsOptions): BroadcastSink {
  let open: Promise<Open> | undefined;
  const opened = (): Promise<Open> => {
    if (open !== undefined) return open;
    const made = openStream(options);
    const forget = (): void => {
      if (open === made) open = undefined;
    };
    made.then(({ connection }) => connection.closed().then(forget), forget);
    open = made;
    return made;
  };
  return {
    send: async (message) => {
      const { connection, client } = await opened();
      try {
        await publish({ connection, client }, message, options.address);
      } catch (error) {
        if (error instanceof RefusedMessage) throw error;
        // The stream may be gone: the next message makes sure of it again, over a connection that is known to be good.
        await connection.close().catch(() => undefined);
        throw new ReceiverTrouble(
          `NATS at ${options.address.servers} did not take an event: ${nameOf(error)}`,
        );
      }
    },
    close: async () => {
      const current = await open?.catch(() => undefined);
      await current?.connection.close();
    },
  };
}

async function publish(
  { connection, client }: Open,
  { attributes, body, path }: BroadcastMessage,
  { prefix }: NatsAddress,
): Promise<void> {
  const named = headers();
  const { datacontenttype = "application/json", ...others } = attributes;
  named.set("Content-Type", datacontenttype);
  for (const [name, value] of Object.entries(others)) named.set(`ce-${name}`, headerValue(value));
  const msgID = headerValue(`${attributes["source"] ?? ""}#${attributes["id"] ?? ""}`);
  named.set("Nats-Msg-Id", msgID);
  const largest = connection.info?.max_payload ?? Infinity;
  const size = Buffer.byteLength(body) + sizeOf(named);
  if (size > largest)
    throw new RefusedMessage(`an event is larger than the ${largest} bytes that NATS takes`);
  try {
    await client.publish([prefix, ...path.map(token)].join("."), body, {
      headers: named,
      msgID,
      timeout: TIMEOUT_MS,
    });
  } catch (error) {
    if (error instanceof JetStreamApiError && error.code === TOO_LARGE_FOR_STREAM)
      throw new RefusedMessage("an event is larger than the stream takes");
    throw error;
  }
}

async function openStream(options: NatsOptions): Promise<Open> {
  const { address } = options;
  const connection = await connected(options);
  try {
    const manager = await jetstreamManager(connection, { checkAPI: false, timeout: TIMEOUT_MS });
    await manager.streams.info(address.stream).catch((error: unknown) => {
      if (!(error instanceof JetStreamApiError) || error.status !== 404) throw error;
      return manager.streams.add({
        name: address.stream,
        subjects: [`${address.prefix}.>`],
        storage: "file",
        retention: "limits",
        discard: "old",
        num_replicas: address.replicas,
        max_bytes: address.maxBytes,
        max_age: address.maxAgeMs * NANOSECONDS,
        duplicate_window: Math.min(120_000, address.maxAgeMs) * NANOSECONDS,
      });
    });
    return { connection, client: jetstream(connection, { timeout: TIMEOUT_MS }) };
  } catch (error) {
    await connection.close().catch(() => undefined);
    throw new ReceiverTrouble(
      `NATS at ${address.servers} has no stream ${address.stream} and did not let it be made (${nameOf(error)}): switch JetStream on, or make the stream`,
    );
  }
}

async function connected({ address, credentials, caPem }: NatsOptions): Promise<NatsConnection> {
  const how: ConnectionOptions = {
    servers: address.servers.split(","),
    name: "capfn",
    // The lane knows when to try again.
    reconnect: false,
    timeout: TIMEOUT_MS,
    ...(address.tls && { tls: caPem === undefined ? {} : { ca: caPem } }),
    ...authentication(await credentials()),
  };
  try {
    return await connect(how);
  } catch (error) {
    if (error instanceof AuthorizationError)
      throw new ReceiverTrouble(
        `NATS at ${address.servers} refuses the credentials; put right ones into the file of --broadcast-credentials`,
      );
    throw new ReceiverTrouble(`NATS at ${address.servers} cannot be reached: ${nameOf(error)}`);
  }
}

/** A `.creds` file, `<user>:<password>`, or a token. */
function authentication(text: string | undefined): ConnectionOptions {
  if (text === undefined) return {};
  if (text.includes("-----BEGIN NATS USER JWT-----"))
    return { authenticator: credsAuthenticator(new TextEncoder().encode(text)) };
  const colon = text.indexOf(":");
  return colon < 0 ? { token: text } : { user: text.slice(0, colon), pass: text.slice(colon + 1) };
}

/** Bytes of headers as NATS counts them against its `max_payload`: `NATS/1.0`, then a line each. */
function sizeOf(named: MsgHdrs): number {
  return named.keys().reduce((size, key) => size + key.length + named.get(key).length + 4, 12);
}

/** One token of a subject. Dots part tokens and stand in names of Kubernetes, underscores do not. */
function token(part: string): string {
  return part === "" ? "_" : part.replaceAll(".", "_").replaceAll(/[\s*>]/g, "-");
}

function nameOf(error: unknown): string {
  return error instanceof Error ? error.name : "unknown";
}
