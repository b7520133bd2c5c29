import type { Duplex } from "node:stream";
import { connect, type TLSSocket } from "node:tls";
import type { EtcdEndpoint } from "#platform/etcd/gateway.ts";

/**
 * TLS over a stream that is being opened elsewhere, with the same demands as over a connection of our own: the authority, and the host of the URL in
 * the certificate. A stream that opens after the signal has aborted is closed.
 */
export async function secured(
  opening: Promise<Duplex>,
  { url, credentials: { caPem, certPem, keyPem } }: EtcdEndpoint,
  signal: AbortSignal,
): Promise<TLSSocket> {
  const stream = await unlessAborted(opening, signal);
  const host = new URL(url).hostname.replaceAll(/[[\]]/g, "");
  try {
    return connect({
      socket: stream,
      host,
      ca: caPem,
      cert: certPem,
      key: keyPem,
      ALPNProtocols: ["http/1.1"],
    });
  } catch (error) {
    stream.destroy();
    throw error;
  }
}

async function unlessAborted(opening: Promise<Duplex>, signal: AbortSignal): Promise<Duplex> {
  const aborted = Promise.withResolvers<never>();
  const abort = (): void => aborted.reject(new Error("aborted"));
  signal.addEventListener("abort", abort, { once: true });
  if (signal.aborted) abort();
  const late = (stream: Duplex): void => {
    if (signal.aborted) stream.destroy();
  };
  opening.then(late, () => {});
  try {
    return await Promise.race([opening, aborted.promise]);
  } finally {
    signal.removeEventListener("abort", abort);
  }
}
