import { readFile } from "node:fs/promises";
import type { ControlPlaneHost } from "#platform/control-plane/host.ts";

/** A host that does not answer in this time is taken for unreachable: a machine without internet must not hang. */
const FIRST_BYTE_MS = 5_000;

/**
 * The bytes at an http, https or file URL, redirects followed. Throws an Error whose message says what failed and names the URL.
 * Nothing is verified here beyond TLS: compare the digest.
 */
export async function download(host: ControlPlaneHost, url: string): Promise<Uint8Array> {
  if (url.startsWith("file:")) return readFile(new URL(url));
  const abort = new AbortController();
  const cancel = host.clock.schedule(FIRST_BYTE_MS, () =>
    abort.abort(new Error(`no answer within ${FIRST_BYTE_MS / 1000} s`)),
  );
  try {
    const response = await fetch(url, { signal: abort.signal });
    cancel();
    if (!response.ok) throw new Error(`status ${response.status}`);
    return new Uint8Array(await response.arrayBuffer());
  } catch (error) {
    throw new Error(`${url}: ${reasonOf(error)}`, { cause: error });
  } finally {
    cancel();
  }
}

/** The innermost cause that has a message: fetch hides "connection refused" below "fetch failed". */
export function reasonOf(error: unknown): string {
  let reason = error;
  while (reason instanceof Error && reason.cause instanceof Error && reason.cause.message !== "") {
    reason = reason.cause;
  }
  return reason instanceof Error ? reason.message : String(reason);
}
