import { randomUUID } from "node:crypto";
import { hostname } from "node:os";
import type { ServeFlags } from "#cli/actions/serve.ts";
import { parseBindAddress } from "#cli/http/bind-address.ts";
import type { OpenSteps, ServedFunctions } from "#cli/operator/served-steps.ts";
import type { Terminal } from "#cli/terminal.ts";
import { version } from "#cli/version.ts";
import { connectHub } from "#events/transport/pull-hub.ts";
import { startPullWorker, type PullWorker } from "#events/transport/pull-worker.ts";
import { tokenIn } from "#events/transport/token-file.ts";
import type { Log } from "#platform/observability/log.ts";

/** A hub that cannot be asked is logged once in this time, ms. */
const TELL_EVERY_MS = 10_000;

/**
 * Takes work from a hub until a signal asks to end; steps under way may finish. The first question leaves before anything is loaded that only steps need.
 */
export async function servePull(
  served: ServedFunctions,
  flags: ServeFlags,
  terminal: Terminal,
): Promise<void> {
  const { clock, random } = terminal;
  const { url, tokenFile } = await placeOf(flags);
  const address = parseBindAddress("--bind-address", flags.bindAddress);
  const hub = connectHub(url, () => tokenIn(tokenFile));
  let opened: OpenSteps | undefined;
  let logging: Promise<Log> | undefined;
  const log = () => (logging ??= openLog(flags, terminal));
  const trouble = troubleTold(terminal, log, url);
  const worker = startPullWorker({
    hub,
    functions: served.names,
    holder: `${hostname()}_${randomUUID()}`,
    version,
    clock,
    random,
    concurrency: flags.concurrency ?? 1,
    load: async () => {
      const { openSteps } = await import("#cli/operator/served-steps.ts");
      opened = await openSteps(served, flags, terminal, await log());
      return opened.steps;
    },
    ended: (name, end) =>
      void log().then((open) => open.warn({ function: name, end }, "the hub has no outcome of a step")),
    trouble: (status) => void trouble(status),
  });
  const ended = terminal.ended();
  try {
    const loaded = await Promise.race([worker.loaded, ended]);
    if (typeof loaded !== "string") {
      const health = await openHealth(address, worker, () => opened?.metrics);
      (await log()).info({ hub: url.href, health, functions: served.names }, "work is taken from the hub");
    }
    const reason = await Promise.race([ended, worker.over]);
    (await log()).info({ reason }, "ending; steps under way may finish");
    await worker.drain();
  } finally {
    hub.close();
    opened?.close();
  }
}

/** Throws, with the flag and the mend, when it does not say where the hub is and by which token it knows us. */
async function placeOf({
  pullFrom = "",
  pullTokenFile,
  tokenFile,
  tokenAudience,
  acceptTriggers,
}: ServeFlags) {
  const url = URL.parse(pullFrom);
  if (url === null || !/^https?:$/.test(url.protocol))
    throw new Error(`--pull-from: "${pullFrom}" is no URL; use e.g. http://capfn-hub.capfn-system.svc:8082`);
  if (pullTokenFile === undefined)
    throw new Error("--pull-from needs --pull-token-file, a token by which the hub knows whose work to give");
  if (tokenFile !== undefined || tokenAudience !== undefined)
    throw new Error(
      "--token-file, --token-audience: are for functions that are called; with --pull-from nobody calls, so leave them out",
    );
  if (acceptTriggers === true)
    throw new Error(
      "--accept-triggers, --pull-from: events of a broker come in, or work is taken from a hub; use one",
    );
  await tokenIn(pullTokenFile);
  return { url, tokenFile: pullTokenFile };
}

async function openLog({ logLevel }: ServeFlags, { clock }: Terminal): Promise<Log> {
  const { createLog } = await import("#platform/observability/log.ts");
  return createLog(logLevel, clock);
}

/** Tells, now and then, why there is no work: with the mend where a person has to do something. */
function troubleTold({ clock }: Terminal, log: () => Promise<Log>, hub: URL) {
  let toldAt: number | undefined;
  return async (status: number | undefined): Promise<void> => {
    if (toldAt !== undefined && clock.monotonic() - toldAt < TELL_EVERY_MS) return;
    toldAt = clock.monotonic();
    (await log()).warn(
      { hub: hub.href, status },
      troubles[String(status)] ?? "the hub gives no work; it is asked again",
    );
  };
}

const troubles: Readonly<Record<string, string>> = {
  undefined: "the hub cannot be reached; it is asked again",
  401: "the hub does not take this token: is it meant for audience capfn-hub, and still valid?",
  403: "the hub gives this account no work of these functions; each is taken by the account capfn-<function>",
  404: "the hub does not know these functions; are both of one version?",
  412: "the hub is of another version; work is given to pods of its own",
};

/** `/healthz`, `/readyz` (the hub answers) and `/metrics`. */
async function openHealth(
  address: ReturnType<typeof parseBindAddress>,
  worker: PullWorker,
  metrics: () => OpenSteps["metrics"] | undefined,
): Promise<string | undefined> {
  if (address === undefined) return undefined;
  const { serveAnswers } = await import("#cli/http/answers.ts");
  const server = await serveAnswers(
    {
      "/healthz": () => ({ body: "ok" }),
      "/readyz": () =>
        worker.connected
          ? { body: "ok" }
          : { status: 503, body: "not ready; the hub did not answer the last question" },
      "/metrics": async () => {
        const scraped = await metrics()?.scraped();
        return scraped && { type: scraped.type, body: scraped.text };
      },
    },
    address,
  );
  return server.address;
}
