import type { IncomingMessage } from "node:http";
import * as https from "node:https";
import { headerValue } from "#events/transport/broadcast/header-value.ts";
import { ReceiverTrouble, RefusedMessage, type BroadcastSink } from "#events/transport/broadcast/lane.ts";
import type { BroadcastMessage } from "#events/transport/broadcast/message.ts";
import { parseRetryAfter } from "#platform/kube/retry-after.ts";
import type { Clock } from "#platform/process/clock.ts";
import { http } from "#platform/process/node-http.ts";

export interface HttpSinkOptions {
  /** A Knative Broker's ingress, or any other receiver of CloudEvents over HTTP. */
  readonly url: URL;
  /** Bearer token as it is now; undefined for none. */
  readonly token: () => Promise<string | undefined>;
  readonly caPem: string | undefined;
  readonly clock: Clock;
}

const TIMEOUT_MS = 10_000;
const CONNECTIONS = 8;
/** Answers that are about this message and not about the receiver: to send it again would change nothing. */
const NEVER: ReadonlySet<number> = new Set([400, 405, 406, 410, 411, 413, 415, 422, 431]);

/** A sink of CloudEvents over HTTP, in binary mode (CloudEvents HTTP protocol binding 1.0.2, 3.1). Redirects are not followed. */
export function httpSink({ url, token, caPem, clock }: HttpSinkOptions): BroadcastSink {
  const limits = { keepAlive: true, maxSockets: CONNECTIONS };
  const tls = url.protocol === "https:";
  const agent = tls ? new https.Agent({ ...limits, ca: caPem }) : new http.Agent(limits);
  const post = async (message: BroadcastMessage): Promise<IncomingMessage> => {
    const bearer = await token();
    return new Promise((resolve, reject) => {
      const request = (tls ? https : http).request(url, {
        method: "POST",
        agent,
        timeout: TIMEOUT_MS,
        headers: {
          ...headersOf(message),
          ...(bearer !== undefined && { authorization: `Bearer ${bearer}` }),
        },
      });
      request.on("timeout", () => request.destroy(new Error("timeout")));
      request.on("error", reject);
      request.on("response", resolve);
      request.end(message.body);
    });
  };
  return {
    send: async (message) => {
      const answer = await post(message).catch(() => undefined);
      if (answer === undefined) throw new ReceiverTrouble(`${url.origin} cannot be reached`);
      // Whatever it says is not looked at; a broker answers with nothing.
      answer.on("error", () => undefined).resume();
      const { statusCode: status = 0 } = answer;
      if (status >= 200 && status < 300) return;
      if (NEVER.has(status)) throw new RefusedMessage(`${url.origin} refuses an event with ${status}`);
      const mend =
        status === 401 || status === 403
          ? "; put a right token into the file of --broadcast-credentials"
          : "";
      throw new ReceiverTrouble(
        `${url.origin} answers ${status}${mend}`,
        parseRetryAfter(answer.headers["retry-after"], clock.now()),
      );
    },
    close: () => {
      agent.destroy();
      return Promise.resolve();
    },
  };
}

/** Attributes as `ce-<name>`, except the content type (3.1.1, 3.1.3.2). */
function headersOf({ attributes, body }: BroadcastMessage): Record<string, string> {
  const { datacontenttype = "application/json", ...others } = attributes;
  const named = Object.entries(others).map(([name, value]) => [`ce-${name}`, headerValue(value)]);
  return {
    "content-type": datacontenttype,
    "content-length": String(Buffer.byteLength(body)),
    ...Object.fromEntries(named),
  };
}
