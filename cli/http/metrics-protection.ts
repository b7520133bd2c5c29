import type { IncomingMessage } from "node:http";
import type { Answer, Protection } from "#cli/http/answers.ts";
import { version } from "#cli/version.ts";
import type { ConnectionConfig } from "#platform/kube/connection-config.ts";
import { isKubeError } from "#platform/kube/errors.ts";
import { metricsReaders, type JudgeReader } from "#platform/kube/metrics-readers.ts";
import { createKubeClient } from "#platform/kube/rest.ts";
import type { Clock } from "#platform/process/clock.ts";
import { selfSignedServer } from "#platform/x509/self-signed.ts";

/** A process that runs longer than this is a rarity; Prometheus does not look at the date when it skips verification. */
const YEARS = 10;

const HOW =
  "its user must be allowed to get the path /metrics: bind it to the ClusterRole capfn-metrics-reader";

/**
 * `/metrics` over TLS, for tokens whose user may `get` `/metrics`. The certificate is made in memory at each start and vouches for itself: it keeps a token
 * from being read on the wire, and nobody has to renew it. Calls of the reviews need `create` on tokenreviews and subjectaccessreviews.
 */
export async function protectMetrics(
  management: ConnectionConfig,
  { clock, random }: { readonly clock: Clock; readonly random: () => number },
): Promise<Protection> {
  const now = clock.now();
  const { certPem, keyPem } = await selfSignedServer("capfn-hub", {
    notBefore: new Date(now - 3_600_000),
    notAfter: new Date(now + YEARS * 365 * 86_400_000),
  });
  const client = createKubeClient(management, { clock, random, userAgent: `capfn/${version}` });
  const judge = metricsReaders({ client, clock });
  return { tls: { cert: certPem, key: keyPem }, refusal: (request) => refusalOf(request, judge) };
}

async function refusalOf(request: IncomingMessage, judge: JudgeReader): Promise<Answer | undefined> {
  const token = /^Bearer +([^ ]+) *$/i.exec(request.headers.authorization ?? "")?.[1];
  if (token === undefined) return { status: 401, body: `a bearer token is needed; ${HOW}` };
  try {
    switch (await judge(token)) {
      case "allowed":
        return undefined;
      case "forbidden":
        return { status: 403, body: `this token's user may not read figures; ${HOW}` };
      case "unknown":
        return { status: 401, body: "the management cluster does not know this token; it may have expired" };
    }
  } catch (error) {
    if (!isKubeError(error)) throw error;
    return {
      status: 503,
      body: `the management cluster could not be asked about the token: ${error.reason}`,
    };
  }
}
