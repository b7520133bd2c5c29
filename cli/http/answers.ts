import type { IncomingMessage, RequestListener, Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { SecureContextOptions } from "node:tls";
import { http, https } from "#platform/process/node-http.ts";

/** What a path is answered with; plain text when no type is said. */
export interface Answer {
  readonly status?: number;
  readonly type?: string;
  readonly body: string;
}

/** The parameters of a path, by the names of its pattern, percent-decoded. */
export type PathParameters = Readonly<Record<string, string>>;

/** GET paths and their answers; a path is a URLPattern, e.g. `/why/:kind/:namespace/:name`. */
export type Routes = Readonly<
  Record<string, (parameters: PathParameters) => Answer | undefined | Promise<Answer | undefined>>
>;

/** How a server is kept from strangers. */
export interface Protection {
  /** It speaks TLS with this. */
  readonly tls: SecureContextOptions;
  /** Undefined for who may read, else what they are told instead. */
  refusal(request: IncomingMessage): Promise<Answer | undefined>;
}

/** Where a server listens. */
export interface Listening {
  /** `http://host:port`, or https, with the port that was taken. */
  readonly address: string;
  close(): Promise<void>;
}

/**
 * The few read-only paths every capfn process serves. Plain node:http: a framework for them costs a fifth of the memory of an idle hub
 * (docs/adr/0009). Nothing that takes a body belongs here.
 */
export async function serveAnswers(
  routes: Routes,
  { host, port }: { host: string; port: number },
  protection?: Protection,
): Promise<Listening> {
  const table = Object.entries(routes).map(
    ([pathname, answer]) => [new URLPattern({ pathname }), answer] as const,
  );
  const find = async (path: string): Promise<Answer> => {
    for (const [pattern, answer] of table) {
      const groups = pattern.exec({ pathname: path })?.pathname.groups;
      if (groups !== undefined) return (await answer(decoded(groups))) ?? missing(path);
    }
    return missing(path);
  };
  const answer: RequestListener = (request, response) => {
    const reply = ({ status = 200, type = "text/plain; charset=utf-8", body }: Answer): void => {
      response.writeHead(status, { "content-type": type });
      response.end(request.method === "HEAD" ? undefined : body);
    };
    request.resume();
    if (request.method !== "GET" && request.method !== "HEAD") {
      reply({ status: 405, body: `${request.method ?? ""} is not served here; use GET` });
      return;
    }
    const path = URL.parse(request.url ?? "/", "http://here")?.pathname ?? "/";
    const found = async () => (await protection?.refusal(request)) ?? find(path);
    found().then(reply, () => reply({ status: 500, body: "this could not be answered; ask again" }));
  };
  const server =
    protection === undefined ? http.createServer(answer) : https().createServer(protection.tls, answer);
  await listen(server, host, port);
  return {
    address: `${protection === undefined ? "http" : "https"}://${hostAndPort(server.address())}`,
    close: async () => {
      const closed = new Promise<void>((resolve) => void server.close(() => resolve()));
      server.closeAllConnections();
      await closed;
    },
  };
}

function missing(path: string): Answer {
  return { status: 404, body: `nothing is served at ${path}` };
}

/** A text that is no percent-encoding stands for itself. */
function decoded(groups: Readonly<Record<string, string | undefined>>): PathParameters {
  const entries = Object.entries(groups).map(([name, value = ""]) => {
    try {
      return [name, decodeURIComponent(value)];
    } catch {
      return [name, value];
    }
  });
  return Object.fromEntries(entries);
}

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ host, port }, () => {
      server.off("error", reject);
      resolve();
    });
  });
}

function hostAndPort(bound: AddressInfo | string | null): string {
  if (bound === null || typeof bound === "string") return bound ?? "";
  return bound.family === "IPv6" ? `[${bound.address}]:${bound.port}` : `${bound.address}:${bound.port}`;
}
