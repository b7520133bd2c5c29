import type { IncomingHttpHeaders } from "node:http";
import type { Sender } from "#events/sources/ingress/senders.ts";

/** Headers that grant a sender's origin to deliver, or undefined. */
export type Grant = Readonly<Record<string, string>>;

/**
 * Answers the validation handshake (CloudEvents, HTTP 1.1 Web Hooks for Event Delivery, section 4): a sender asks whether it may deliver
 * here, and only origins of the configuration are told so, with the number of requests a minute they may make. The callback some senders
 * offer instead is not used: the ingress calls nobody.
 */
export function grantOf(headers: IncomingHttpHeaders, senders: readonly Sender[]): Grant | undefined {
  const origin = headers["webhook-request-origin"];
  if (typeof origin !== "string") return undefined;
  const sender = senders.find(({ paths, origins }) => paths.includes("/events") && origins.includes(origin));
  if (sender === undefined) return undefined;
  const asked = Number(headers["webhook-request-rate"]);
  const most = Math.max(1, Math.floor(sender.requestsPerSecond * 60));
  const rate = Number.isInteger(asked) && asked > 0 ? Math.min(asked, most) : most;
  return { allow: "POST", "webhook-allowed-origin": origin, "webhook-allowed-rate": String(rate) };
}
