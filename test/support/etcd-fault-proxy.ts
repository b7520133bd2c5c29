import { createServer, request } from "node:https";
import type { AuthorityPair } from "#platform/x509/client-certificate.ts";
import type { EtcdCredentials } from "#platform/etcd/gateway.ts";

/** What happens to a call: it never arrives, its answer is lost, or neither. */
export type EtcdFault = "before" | "after" | undefined;

/** Decides about each call, by the member called and the path below `/v3/`; it may take its time and do something meanwhile. */
export type EtcdFaults = (member: string, path: string) => EtcdFault | Promise<EtcdFault>;

export interface FaultProxyOptions {
  readonly member: string;
  readonly address: string;
  readonly port: number;
  /** Port of the member itself, at the same address. */
  readonly to: number;
  readonly serving: AuthorityPair;
  readonly credentials: EtcdCredentials;
  readonly faults: EtcdFaults;
}

/** Stands between clients and one member, with the member's own certificate. Resolves with what closes it. */
export async function startFaultProxy(options: FaultProxyOptions): Promise<() => void> {
  const { credentials, serving, address, faults } = options;
  const server = createServer(
    {
      cert: serving.certPem,
      key: serving.keyPem,
      ca: credentials.caPem,
      requestCert: true,
      rejectUnauthorized: true,
    },
    (incoming, answer) => {
      void (async () => {
        const chunks: Buffer[] = [];
        for await (const chunk of incoming) chunks.push(chunk as Buffer);
        const fault = await faults(options.member, (incoming.url ?? "").replace("/v3/", ""));
        if (fault === "before") {
          incoming.socket.destroy();
          return;
        }
        const outgoing = request({
          host: address,
          port: options.to,
          path: incoming.url,
          method: "POST",
          agent: false,
          ca: credentials.caPem,
          cert: credentials.certPem,
          key: credentials.keyPem,
          headers: { "content-type": "application/json" },
        });
        outgoing.on("error", () => incoming.socket.destroy());
        outgoing.on("response", (response) => {
          if (fault === "after") {
            incoming.socket.destroy();
            response.resume();
            return;
          }
          answer.writeHead(response.statusCode ?? 502, response.headers);
          response.pipe(answer);
        });
        outgoing.end(Buffer.concat(chunks));
      })();
    },
  );
  await new Promise<void>((resolve) => server.listen(options.port, address, resolve));
  return () => {
    server.close();
    server.closeAllConnections();
  };
}
