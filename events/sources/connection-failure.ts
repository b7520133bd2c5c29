import { X509Certificate } from "node:crypto";
import type { ConnectionState } from "#platform/cluster-api/connection-state.ts";
import type { ConnectionConfig } from "#platform/kube/connection-config.ts";
import { isKubeError } from "#platform/kube/errors.ts";
import { KubeconfigError } from "#platform/kube/kubeconfig.ts";
import { tokenEnd } from "#platform/kube/token-times.ts";
import { MANAGEMENT } from "#platform/kube/view.ts";

/** What is known of the API server that was tried. */
interface Tried {
  readonly server?: string | undefined;
  /** What it was tried with; its credentials are looked at for their dates only. */
  readonly config?: ConnectionConfig | undefined;
  /** Epoch ms. */
  readonly now: number;
}

/** Why there is no connection, with the mend, in words that are the same each time; no text of a server, nothing of a credential. */
export function connectionFailure(error: unknown, { server, config, now }: Tried): ConnectionState {
  const at = server === undefined ? {} : { server };
  if (error instanceof KubeconfigError)
    return { state: "failed", reason: "KubeconfigInvalid", message: error.message };
  // What the management cluster does not let us read says nothing about the API server that it leads to.
  if (isKubeError(error) && error.dependency === MANAGEMENT) {
    const message = "its Secret cannot be read in the management cluster; it is tried again by itself";
    return { state: "failed", reason: "SecretUnreadable", message };
  }
  if (isKubeError(error, "unauthorized")) {
    const expired = config === undefined ? undefined : expiredCredential(config, now);
    const what =
      expired === undefined
        ? "the credentials of the kubeconfig; renew them"
        : `the kubeconfig, whose ${expired} has expired; renew it`;
    return { state: "failed", reason: "Unauthorized", message: `the API server refuses ${what}`, ...at };
  }
  const codes = codesOf(error);
  const untrusted = codes.map((code) => distrust[code]).find((why) => why !== undefined);
  if (untrusted !== undefined)
    return { state: "failed", reason: "CertificateNotTrusted", message: untrusted, ...at };
  const why = codes.map((code) => noWay[code]).find((found) => found !== undefined);
  const message = `${why ?? "the API server does not answer"}; it is tried again by itself`;
  return { state: "failed", reason: "Unreachable", message, ...at };
}

/** Codes of Node.js for a way that leads nowhere. */
const noWay: Readonly<Record<string, string>> = {
  ECONNREFUSED: "nothing listens at the API server's address",
  ENOTFOUND: "the API server's host name is not known to DNS",
  EAI_AGAIN: "DNS does not answer for the API server's host name",
  EHOSTUNREACH: "there is no route to the API server",
  ENETUNREACH: "there is no route to the API server",
  ETIMEDOUT: "the API server's host does not answer",
};

const notSigned =
  "the API server's certificate is signed by no authority of the kubeconfig; correct certificate-authority-data";
const otherDate =
  "the API server's certificate has expired or is not valid yet; renew it there, or correct the clock";

/** Codes of Node.js (OpenSSL's verification) for a certificate that does not convince. */
const distrust: Readonly<Record<string, string>> = {
  SELF_SIGNED_CERT_IN_CHAIN: notSigned,
  DEPTH_ZERO_SELF_SIGNED_CERT: notSigned,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: notSigned,
  UNABLE_TO_GET_ISSUER_CERT: notSigned,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: notSigned,
  CERT_SIGNATURE_FAILURE: notSigned,
  CERT_HAS_EXPIRED: otherDate,
  CERT_NOT_YET_VALID: otherDate,
  ERR_TLS_CERT_ALTNAME_INVALID:
    "the API server's certificate is for another host name; correct server or tls-server-name in the kubeconfig",
};

const DEEPEST = 8;

/** The codes of an error and of what caused it. */
function codesOf(error: unknown): readonly string[] {
  const codes: string[] = [];
  let current: unknown = error;
  for (let depth = 0; depth < DEEPEST && current instanceof Error; depth += 1) {
    if ("code" in current && typeof current.code === "string") codes.push(current.code);
    current = current.cause;
  }
  return codes;
}

function expiredCredential({ token, clientCertPem }: ConnectionConfig, now: number): string | undefined {
  const end = typeof token === "string" ? tokenEnd(token) : undefined;
  if (end !== undefined && end <= now) return "token";
  if (clientCertPem === undefined) return undefined;
  try {
    return new X509Certificate(clientCertPem).validToDate.getTime() <= now ? "client certificate" : undefined;
  } catch {
    return undefined;
  }
}
