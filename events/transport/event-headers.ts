import type { IncomingHttpHeaders } from "node:http";

/**
 * Headers of an event in binary mode. What a header cannot hold of an attribute is percent-encoded, and so are space, `"` and `%` (CloudEvents
 * HTTP protocol binding, section 3.1.3.2); the SDK sends attributes as they are.
 */
export function encodedHeaders(headers: object): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [
      name,
      isAttribute(name) ? String(value).replace(/[^!#$&-~]/gu, encodeURIComponent) : String(value),
    ]),
  );
}

/** The same taken back. Throws when an attribute is not percent-encoded UTF-8. */
export function decodedHeaders(headers: IncomingHttpHeaders): IncomingHttpHeaders {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [
      name,
      isAttribute(name) && typeof value === "string" ? decodeURIComponent(value) : value,
    ]),
  );
}

function isAttribute(name: string): boolean {
  return name.toLowerCase().startsWith("ce-");
}
