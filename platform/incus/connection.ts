import { connect, type TLSSocket } from "node:tls";
import { IncusError } from "#platform/incus/errors.ts";
import { readCertificate } from "#platform/x509/certificate.ts";

/** Where a server is, which one it has to be, and as whom it is asked; all PEM. */
export interface IncusEndpoint {
  /** `https://<host>:8443`. */
  readonly url: string;
  /** The very certificate the server has to show; undefined when authorities of the system vouch for it. */
  readonly serverCertPem: string | undefined;
  readonly certPem: string;
  readonly keyPem: string;
  readonly signal: AbortSignal;
}

const DEFAULT_PORT = 8443;

/**
 * TLS to a server that has proven to be the one that is meant. A pinned certificate is compared as a whole, as LXD's own client does: it is
 * self-signed, and neither names nor dates in it count. Nothing is sent before.
 *
 * @throws IncusError `unpinned` or `unreachable`
 */
export function connectTo(endpoint: IncusEndpoint, signal: AbortSignal): Promise<TLSSocket> {
  const { serverCertPem } = endpoint;
  const url = new URL(endpoint.url);
  const pinned = serverCertPem === undefined ? undefined : readCertificate(serverCertPem);
  const { promise, resolve, reject } = Promise.withResolvers<TLSSocket>();
  const where = `${url.origin}: `;
  if (serverCertPem !== undefined && pinned === undefined) {
    throw new IncusError(`${where}the certificate to pin cannot be read`, { reason: "unpinned" });
  }
  const socket = connect({
    host: url.hostname.replaceAll(/[[\]]/g, ""),
    port: url.port === "" ? DEFAULT_PORT : Number(url.port),
    cert: endpoint.certPem,
    key: endpoint.keyPem,
    minVersion: "TLSv1.3",
    ALPNProtocols: ["http/1.1"],
    rejectUnauthorized: pinned === undefined,
  });
  const give = (): void => {
    socket.destroy(new Error("not in time"));
  };
  signal.addEventListener("abort", give, { once: true });
  if (signal.aborted) give();
  socket.once("secureConnect", () => {
    if (pinned !== undefined && socket.getPeerX509Certificate()?.raw.equals(pinned.raw) !== true) {
      socket.destroy();
      reject(new IncusError(`${where}shows another certificate than the pinned one`, { reason: "unpinned" }));
      return;
    }
    resolve(socket);
  });
  socket.once("error", (error) => {
    const reason = isUntrusted(error) ? "unpinned" : "unreachable";
    reject(new IncusError(`${where}no connection`, { reason, cause: error }));
  });
  return promise.finally(() => signal.removeEventListener("abort", give));
}

/** Codes of OpenSSL's verification, and that of Node.js for names. */
function isUntrusted(error: Error): boolean {
  const code = "code" in error && typeof error.code === "string" ? error.code : "";
  return /CERT|SIGNATURE|ALTNAME/.test(code) && !code.startsWith("ERR_SSL");
}
