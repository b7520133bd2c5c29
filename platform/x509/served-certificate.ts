import type { X509Certificate } from "node:crypto";
import { isIP } from "node:net";
import { connect, type TLSSocket } from "node:tls";

/** Longest a handshake may take, ms. */
const HANDSHAKE_MS = 5_000;
/** Longer chains are nobody's. */
const LONGEST_CHAIN = 8;

/**
 * The certificates a server shows in a TLS handshake, leaf first. Nothing is verified: what is wrong with them is for the caller to say. No data
 * is sent.
 *
 * @throws Error when there is no handshake within five seconds; its message is not for people.
 */
export function servedCertificates(
  url: string,
  options: { readonly serverName?: string | undefined; readonly signal: AbortSignal },
): Promise<readonly X509Certificate[]> {
  const { hostname, port } = new URL(url);
  const host = hostname.replace(/^\[|\]$/g, "");
  const name = options.serverName ?? host;
  const { promise, resolve, reject } = Promise.withResolvers<readonly X509Certificate[]>();
  const signal = AbortSignal.any([options.signal, AbortSignal.timeout(HANDSHAKE_MS)]);
  const socket = connect({
    host,
    port: Number(port === "" ? "443" : port),
    // An address is no name a server could be asked for (RFC 6066, 3).
    ...(isIP(name) === 0 && { servername: name }),
    rejectUnauthorized: false,
  });
  const give = (): void => {
    socket.destroy(new Error("no TLS handshake in time"));
  };
  signal.addEventListener("abort", give, { once: true });
  socket.once("secureConnect", () => resolve(chainOf(socket)));
  socket.once("error", reject);
  return promise.finally(() => {
    signal.removeEventListener("abort", give);
    socket.destroy();
  });
}

function chainOf(socket: TLSSocket): readonly X509Certificate[] {
  const chain: X509Certificate[] = [];
  let next = socket.getPeerX509Certificate();
  while (next !== undefined && chain.length < LONGEST_CHAIN) {
    const { fingerprint256 } = next;
    if (chain.some((known) => known.fingerprint256 === fingerprint256)) break;
    chain.push(next);
    next = next.issuerCertificate;
  }
  return chain;
}
