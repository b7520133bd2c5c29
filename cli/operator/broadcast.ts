import { readFile } from "node:fs/promises";
import type { HubEvent } from "#events/hub/observer.ts";
import { BroadcastLane, RefusedMessage, type BroadcastSink } from "#events/transport/broadcast/lane.ts";
import { messageOf } from "#events/transport/broadcast/message.ts";
import { tokenIn } from "#events/transport/token-file.ts";
import { MANAGEMENT } from "#platform/kube/view.ts";
import type { Log } from "#platform/observability/log.ts";
import type { Metrics } from "#platform/observability/metrics.ts";
import { seldom } from "#platform/observability/seldom.ts";
import type { Clock } from "#platform/process/clock.ts";

/** Flags of the broadcast lane. */
export interface BroadcastFlags {
  readonly broadcast?: string;
  readonly broadcastCredentials?: string;
  readonly broadcastCa?: string;
}

export interface BroadcastWorld {
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Log;
  /** Undefined while the hub starts. */
  readonly metrics: () => Metrics | undefined;
}

/** The way out for observers. Nothing that goes wrong with it reaches the hub. */
export interface Broadcast {
  /** Takes what happened in the hub, in no time. */
  observe(event: HubEvent): void;
  close(): Promise<void>;
}

/** Trouble of one kind is logged once in this time. */
const TROUBLE_EVERY_MS = 60_000;
/** What is left at the end is sent for so long, ms. */
const LAST_WORDS_MS = 2_000;

/** Opens the lane to `url`. Throws with the mend when the flags are wrong or a file cannot be read; a receiver that does not answer is no error. */
export async function startBroadcast(
  url: string,
  { broadcastCredentials: credentials, broadcastCa }: BroadcastFlags,
  { clock, random, log, metrics }: BroadcastWorld,
): Promise<Broadcast> {
  if (credentials !== undefined) await tokenIn(credentials);
  const secret = () => (credentials === undefined ? Promise.resolve(undefined) : tokenIn(credentials));
  const caPem = broadcastCa === undefined ? undefined : await readFile(broadcastCa, "utf8");
  const sink = await sinkFor(url, { secret, caPem, clock });
  const mayTell = seldom(clock, TROUBLE_EVERY_MS);
  const lane = new BroadcastLane({
    sink,
    clock,
    random,
    count: (result) => {
      metrics()?.broadcast.inc({ result });
      metrics()?.broadcastBuffered.set(lane.buffered);
    },
    trouble: (error) => {
      const turn = mayTell(error.message);
      if (turn === undefined) return;
      const fields = { error: error.message, passedOver: turn.passedOver };
      const refused = error instanceof RefusedMessage;
      log.warn(fields, refused ? "an event for observers is dropped" : "events for observers wait");
    },
  });
  return {
    observe: (event) => {
      const message = messageOf(event, `/clusters/${MANAGEMENT}`, clock.now());
      if (message !== undefined) lane.push(message);
    },
    close: () => lane.close(LAST_WORDS_MS),
  };
}

/** What a receiver takes is loaded only when it is named: the hub that tells nobody pays for none. */
async function sinkFor(
  url: string,
  how: {
    readonly secret: () => Promise<string | undefined>;
    readonly caPem: string | undefined;
    readonly clock: Clock;
  },
): Promise<BroadcastSink> {
  const { secret, caPem, clock } = how;
  if (/^(nats|tls):/.test(url)) {
    const { natsAddress } = await import("#events/transport/broadcast/nats-address.ts");
    const { natsSink } = await import("#events/transport/broadcast/nats.ts");
    return natsSink({ address: natsAddress(url), credentials: secret, caPem });
  }
  if (!/^https?:/.test(url) || !URL.canParse(url))
    throw new Error(
      `--broadcast: is no address of a receiver; use nats://host:4222, tls://host:4222, or an http:// or https:// URL`,
    );
  const parsed = new URL(url);
  if (parsed.username !== "" || parsed.password !== "")
    throw new Error("--broadcast: holds a password; put a token into the file of --broadcast-credentials");
  const { httpSink } = await import("#events/transport/broadcast/http.ts");
  return httpSink({ url: parsed, token: secret, caPem, clock });
}
