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
/** A file that cannot be used may just be being replaced: so long the old token holds. */
const TOKEN_GRACE_MS = 1_000;

interface Known {
  readonly config: SenderConfig;
  readonly sender: Sender;
  /** Digest of the token; undefined when the sender has none, or no longer has one. */
  digest: Buffer | undefined;
  /** Since when its file cannot be used, monotonic ms. */
  brokenSince?: number | undefined;
}

/** Told when a sender's token file can no longer be used, with the reason, and when it can again, without. */
export type SenderListener = (sender: string, problem: unknown) => void;

/**
 * The senders of the configuration. Tokens are kept as digests and compared in constant time, all of them every time, so that neither a
 * token nor whose it is can be learnt from how long an answer takes. A sender whose file is emptied or taken away later is nobody from then
 * on: so tokens are taken back. Throws when a token file cannot be read or is empty.
 */
export async function openSenders(
  configs: readonly SenderConfig[],
  clock: Clock,
  told: SenderListener = () => undefined,
): Promise<Senders> {
  const known: Known[] = [];
  for (const config of configs)
    known.push({ config, sender: senderOf(config, clock), digest: await readToken(config) });
  let readAt = clock.monotonic();
  const reread = async (each: Known, now: number): Promise<void> => {
    try {
      each.digest = await readToken(each.config);
      if (each.brokenSince !== undefined) told(each.config.name, undefined);
      each.brokenSince = undefined;
    } catch (error) {
      each.brokenSince ??= now;
      if (each.digest === undefined || now - each.brokenSince < TOKEN_GRACE_MS) return;
      each.digest = undefined;
      told(each.config.name, error);
    }
  };
  const refresh = async (): Promise<void> => {
    const now = clock.monotonic();
    const inGrace = known.some(
      ({ digest, brokenSince }) => digest !== undefined && brokenSince !== undefined,
    );
    if (now - readAt < (inGrace ? TOKEN_GRACE_MS : TOKEN_READ_EVERY_MS)) return;
    readAt = now;
    for (const each of known) await reread(each, now);
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
