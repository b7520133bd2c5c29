import { startAlertResync, type AlertResyncOptions } from "#events/sources/ingress/alert-resync.ts";
import type { AlertTaking } from "#events/sources/ingress/alerts-route.ts";
import type { IngressConfig } from "#events/sources/ingress/config.ts";
import { openSenders } from "#events/sources/ingress/senders.ts";
import { ingressServer } from "#events/sources/ingress/server.ts";
import { openTlsFiles } from "#events/sources/ingress/tls.ts";

export interface OpenIngressOptions extends AlertTaking, Pick<AlertResyncOptions, "known" | "random"> {
  readonly config: IngressConfig;
  readonly address: { readonly host: string; readonly port: number };
}

/** The ingress, listening. */
export interface OpenIngress {
  /** URL it listens on. */
  readonly url: string;
  /** Requests under way are answered; no new ones are taken. */
  close(): Promise<void>;
}

/** Opens the server, and the comparison with Alertmanager where one is configured. Throws when a file cannot be read or the port is taken. */
export async function openIngress(options: OpenIngressOptions): Promise<OpenIngress> {
  const { config, clock, observe } = options;
  const senders = await openSenders(config.senders, clock, (sender, problem) =>
    observe({ kind: "sender", sender, problem }),
  );
  const tls =
    config.tls === undefined
      ? undefined
      : await openTlsFiles(config.tls, clock, (error) =>
          observe({ kind: "fault", where: "TLS files", error }),
        );
  const server = ingressServer({
    ...options,
    senders,
    tls,
    areCompared: config.alertmanagers.length > 0,
  });
  const listening = await server.listen(options.address);
  const resync =
    config.alertmanagers.length === 0
      ? undefined
      : startAlertResync({
          ...options,
          alertmanagers: config.alertmanagers,
          everyMs: Math.min(...config.alertmanagers.map(({ everySeconds }) => everySeconds)) * 1000,
        });
  return {
    // The framework knows nothing of the TLS of a server it is handed.
    url: tls === undefined ? listening : listening.replace(/^http:/, "https:"),
    close: async () => {
      resync?.stop();
      tls?.stop();
      await server.close();
    },
  };
}
