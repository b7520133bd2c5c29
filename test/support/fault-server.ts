import type { IncomingMessage, ServerResponse } from "node:http";
import * as https from "node:https";
import type { AddressInfo } from "node:net";
import type { TLSSocket } from "node:tls";

import { createCertificateAuthority } from "#platform/control-plane/certificates.ts";
import type { CertificateAuthority, CertificateFiles } from "#platform/control-plane/certificates.ts";
import type { ConnectionConfig } from "#platform/kube/connection-config.ts";

export interface SeenRequest {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
  /** Number of the TLS connection it came over, from 1. */
  readonly connection: number;
  /** Common name of the client certificate. */
  readonly client: string | undefined;
}

/** Answers one request; `n` counts from 1. */
export type Script = (request: SeenRequest, answer: ServerResponse, n: number) => void | Promise<void>;

export interface FaultServer {
  readonly config: ConnectionConfig;
  readonly authority: CertificateAuthority;
  readonly requests: SeenRequest[];
  /** TLS connections accepted so far. */
  readonly connections: () => number;
  /** Serves new connections with another certificate. */
  serveWith(files: CertificateFiles): void;
  close(): Promise<void>;
}

/** An HTTPS server on the loopback interface that answers exactly what the test says, at the network edge. */
export async function startFaultServer(script: Script): Promise<FaultServer> {
  const authority = await createCertificateAuthority("fault-server CA", Date.now());
  const files = await authority.issue("CN=fault-server", [{ ip: "127.0.0.1" }]);
  const requests: SeenRequest[] = [];
  const numbers = new WeakMap<object, number>();
  let connections = 0;
  const server = https.createServer(
    {
      cert: files.certPem,
      key: files.keyPem,
      ca: authority.certPem,
      requestCert: true,
      rejectUnauthorized: false,
    },
    (request, answer) => {
      void (async () => {
        const chunks: Buffer[] = [];
        for await (const chunk of request) chunks.push(chunk as Buffer);
        const url = new URL(request.url ?? "/", "https://fault-server");
        const socket = request.socket as TLSSocket;
        const subject = socket.getPeerCertificate().subject as { CN?: string } | undefined;
        const seen: SeenRequest = {
          method: request.method ?? "",
          path: url.pathname,
          query: url.searchParams,
          headers: request.headers,
          body: Buffer.concat(chunks).toString("utf8"),
          connection: numbers.get(socket) ?? 0,
          client: subject?.CN,
        };
        requests.push(seen);
        await script(seen, answer, requests.length);
      })();
    },
  );
  server.on("secureConnection", (socket) => {
    connections += 1;
    numbers.set(socket, connections);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    config: { connection: "test", server: `https://127.0.0.1:${port}`, caPem: authority.certPem },
    authority,
    requests,
    connections: () => connections,
    serveWith: (next) =>
      server.setSecureContext({ cert: next.certPem, key: next.keyPem, ca: authority.certPem }),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

export function sendJson(
  answer: ServerResponse,
  status: number,
  body: unknown,
  headers: Record<string, string> = {},
): void {
  answer.writeHead(status, { "content-type": "application/json", ...headers });
  answer.end(JSON.stringify(body));
}

/** A `metav1.Status` as an API server answers it. */
export function sendStatus(
  answer: ServerResponse,
  code: number,
  fields: Record<string, unknown> = {},
  headers: Record<string, string> = {},
): void {
  sendJson(answer, code, { kind: "Status", apiVersion: "v1", status: "Failure", code, ...fields }, headers);
}

/** A watch event as one line. */
export function watchLine(type: string, object: unknown): string {
  return `${JSON.stringify({ type, object })}\n`;
}

export function sendLines(answer: ServerResponse, ...lines: string[]): void {
  answer.writeHead(200, { "content-type": "application/json" });
  answer.flushHeaders();
  for (const line of lines) answer.write(line);
}

export function configMap(
  name: string,
  resourceVersion: string,
  fields: Record<string, unknown> = {},
): Record<string, unknown> {
  return {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name, namespace: "demo", uid: `uid-${name}`, resourceVersion },
    ...fields,
  };
}

/** The bookmark that ends a streamed list. */
export function listEnd(resourceVersion: string): string {
  const annotations = { "k8s.io/initial-events-end": "true" };
  return watchLine("BOOKMARK", {
    kind: "ConfigMap",
    apiVersion: "v1",
    metadata: { resourceVersion, annotations },
  });
}

export function bookmark(resourceVersion: string): string {
  return watchLine("BOOKMARK", { kind: "ConfigMap", apiVersion: "v1", metadata: { resourceVersion } });
}
