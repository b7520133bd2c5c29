import { readFile } from "node:fs/promises";
import type { IncomingMessage } from "node:http";
import { get as tlsGet, type RequestOptions } from "node:https";
import * as z from "zod";
import type { AlertmanagerConfig } from "#events/sources/ingress/config.ts";
import { http } from "#platform/process/node-http.ts";
import { readAlerts, type IncomingAlert } from "#events/sources/ingress/alert-webhook.ts";

/** One Alertmanager that can be asked. */
export type AlertmanagerAddress = Pick<AlertmanagerConfig, "url" | "receiver" | "tokenFile" | "caFile">;

/** What one Alertmanager knows. */
export interface ListedAlerts {
  /** All alerts of our receiver, also those that are silenced, inhibited or new: none of them has ended. */
  readonly alerts: readonly IncomingAlert[];
  /** Those of them it has sent a webhook of, or is about to. */
  readonly active: readonly IncomingAlert[];
  /** When it started, ms since the epoch: shortly after that it does not know all alerts yet. */
  readonly startedAt: number;
}

const TIME_LIMIT_MS = 10_000;
const LARGEST_ANSWER_BYTES = 16 * 1_048_576;

const statusSchema = z.looseObject({ uptime: z.iso.datetime({ offset: true }) });
const listSchema = z.array(z.looseObject({ status: z.looseObject({ state: z.string() }) }));

/** Asks for status and alerts (Alertmanager API v2). Throws when the answer is not a whole, readable one: then nothing may be concluded. */
export async function listAlerts(address: AlertmanagerAddress, signal: AbortSignal): Promise<ListedAlerts> {
  const limited = AbortSignal.any([signal, AbortSignal.timeout(TIME_LIMIT_MS)]);
  const { uptime } = statusSchema.parse(await getJson(address, "api/v2/status", limited));
  const query = new URLSearchParams({
    // A regular expression that must match the whole name.
    receiver: address.receiver.replaceAll(/[^\w-]/g, String.raw`\$&`),
  });
  const listed = listSchema.parse(await getJson(address, `api/v2/alerts?${query.toString()}`, limited));
  return {
    alerts: firing(listed),
    active: firing(listed.filter(({ status }) => status.state === "active")),
    startedAt: Date.parse(uptime),
  };
}

function firing(listed: z.infer<typeof listSchema>): readonly IncomingAlert[] {
  return readAlerts(listed.map((alert) => ({ ...alert, status: "firing" }))).alerts;
}

async function getJson(
  { url, tokenFile, caFile }: AlertmanagerAddress,
  path: string,
  signal: AbortSignal,
): Promise<unknown> {
  const target = new URL(path, url.endsWith("/") ? url : `${url}/`);
  const headers: Record<string, string> = { accept: "application/json" };
  if (tokenFile !== undefined)
    headers["authorization"] = `Bearer ${(await readFile(tokenFile, "utf8")).trim()}`;
  const options: RequestOptions = { signal, headers };
  if (caFile !== undefined) options.ca = await readFile(caFile);
  const get = target.protocol === "https:" ? tlsGet : http.get;
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    get(target, options, resolve).on("error", reject);
  });
  if (response.statusCode !== 200) {
    response.resume();
    throw new Error(`${target.origin}${target.pathname} answers ${response.statusCode ?? "nothing"}`);
  }
  return JSON.parse(await textOf(response));
}

async function textOf(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response) {
    if (!Buffer.isBuffer(chunk)) continue;
    bytes += chunk.length;
    if (bytes > LARGEST_ANSWER_BYTES) throw new Error("the list of alerts is larger than 16 MiB");
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}
