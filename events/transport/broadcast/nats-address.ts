import * as z from "zod";

/** Where events go in NATS. */
export interface NatsAddress {
  /** `host:port`, several with commas between. */
  readonly servers: string;
  readonly tls: boolean;
  readonly stream: string;
  /** First token of every subject. */
  readonly prefix: string;
  /** Limits of the stream when it has to be made; an existing one is left as it is. */
  readonly replicas: number;
  readonly maxBytes: number;
  readonly maxAgeMs: number;
}

const HOUR_MS = 3_600_000;
const word = z.string().regex(/^[\w-]+$/, "takes letters, digits, - and _");

const parameters = z.strictObject({
  stream: word.default("CAPFN"),
  subject: word.default("capfn"),
  replicas: z.coerce.number().int().min(1).max(5).default(1),
  "max-bytes": z.coerce
    .number()
    .int()
    .positive()
    .default(1 << 30),
  "max-age-hours": z.coerce.number().positive().max(8_760).default(72),
});

/** Reads `nats://host:4222?stream=CAPFN&subject=capfn&replicas=1&max-bytes=1073741824&max-age-hours=72`. Throws with the mend. */
export function natsAddress(text: string): NatsAddress {
  const parts = /^(?<scheme>nats|tls):\/\/(?<servers>[^/?#@\s]+)\/?(?:\?(?<query>[^#]*))?$/.exec(
    text,
  )?.groups;
  if (parts === undefined)
    throw new Error(
      "--broadcast: is no address of NATS; use nats://host:4222 or tls://host:4222, and --broadcast-credentials for a password",
    );
  const { scheme, servers = "", query = "" } = parts;
  const read = parameters.safeParse(Object.fromEntries(new URLSearchParams(query)));
  if (!read.success) {
    const [issue] = read.error.issues;
    const field = issue?.path.join(".") ?? "";
    throw new Error(
      `--broadcast: ${field === "" ? "" : `${field}: `}${issue?.message ?? "does not fit"}; parameters are stream, subject, replicas, max-bytes, max-age-hours`,
    );
  }
  const { stream, subject, replicas, "max-bytes": maxBytes, "max-age-hours": hours } = read.data;
  return {
    servers,
    tls: scheme === "tls",
    stream,
    prefix: subject,
    replicas,
    maxBytes,
    maxAgeMs: hours * HOUR_MS,
  };
}
