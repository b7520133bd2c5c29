import { createHash, timingSafeEqual } from "node:crypto";
import { readFile } from "node:fs/promises";
import type { SenderConfig } from "#events/sources/ingress/config.ts";
import { tokenBucket, type TokenBucket } from "#events/sources/ingress/token-bucket.ts";
import type { Clock } from "#platform/process/clock.ts";

/** Who sent a request, with what is allowed. */
export interface Sender extends Pick<SenderConfig, "name" | "paths" | "origins" | "requestsPerSecond"> {
  readonly bucket: TokenBucket;
  /** Whether it may send this event type. */
  allows(type: string): boolean;
}

/** What a request shows of its sender. */
export interface Credentials {
  /** The header as it came. */
  readonly authorization: string | undefined;
  /** Subject of a client certificate that an authority of `tls.clientCaFile` has signed, one part a line. */
  readonly certificateSubject: string | undefined;
}

export interface Senders {
  readonly all: readonly Sender[];
  /** Undefined when nobody is known by these credentials. */
  identify(credentials: Credentials): Promise<Sender | undefined>;
}

/** A mounted Secret that changed is seen within this time. */
const TOKEN_READ_EVERY_MS = 10_000;

interface Known {
  readonly config: SenderConfig;
  readonly sender: Sender;
  /** Digest of the token; undefined when the sender has none. */
  digest: Buffer | undefined;
}

/**
 * The senders of the configuration. Tokens are kept as digests and compared in constant time, all of them every time, so that neither a
 * token nor whose it is can be learnt from how long an answer takes. Throws when a token file cannot be read or is empty.
 */
export async function openSenders(configs: readonly SenderConfig[], clock: Clock): Promise<Senders> {
  const known: Known[] = [];
  for (const config of configs)
    known.push({ config, sender: senderOf(config, clock), digest: await readToken(config) });
  let readAt = clock.monotonic();
  const refresh = async (): Promise<void> => {
    if (clock.monotonic() - readAt < TOKEN_READ_EVERY_MS) return;
    readAt = clock.monotonic();
    // A file that is just being replaced is read the next time; until then the old token holds.
    for (const each of known) each.digest = await readToken(each.config).catch(() => each.digest);
  };
  return {
    all: known.map(({ sender }) => sender),
    identify: async ({ authorization, certificateSubject }) => {
      await refresh();
      const token = bearerToken(authorization);
      const shown = digestOf(token ?? "");
      const subject = certificateSubject?.replaceAll("\n", ", ");
      const matching = known.filter(({ config, digest }) => {
        const byToken = timingSafeEqual(digest ?? shown, shown) && digest !== undefined;
        const bySubject = subject !== undefined && config.certificateSubject === subject;
        return (byToken && token !== undefined) || bySubject;
      });
      return matching[0]?.sender;
    },
  };
}

function senderOf(config: SenderConfig, clock: Clock): Sender {
  const { name, paths, origins, requestsPerSecond, types } = config;
  return {
    name,
    paths,
    origins,
    requestsPerSecond,
    bucket: tokenBucket(clock, requestsPerSecond),
    allows: (type) =>
      types === undefined ||
      types.some((pattern) =>
        pattern.endsWith("*") ? type.startsWith(pattern.slice(0, -1)) : type === pattern,
      ),
  };
}

async function readToken({ name, tokenFile }: SenderConfig): Promise<Buffer | undefined> {
  if (tokenFile === undefined) return undefined;
  const token = await readFile(tokenFile, "utf8").catch((error: unknown) => {
    throw new Error(`the tokenFile of sender ${name} cannot be read: ${tokenFile}`, { cause: error });
  });
  if (token.trim() === "") throw new Error(`the tokenFile of sender ${name} is empty: ${tokenFile}`);
  return digestOf(token.trim());
}

/** RFC 6750: the scheme's name is not case-sensitive. */
function bearerToken(authorization: string | undefined): string | undefined {
  return /^Bearer +(\S+) *$/i.exec(authorization ?? "")?.[1];
}

function digestOf(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}
