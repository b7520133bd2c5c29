import { createServer, request as send, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/**
 * What happens to a request: it never arrives; half of its body does; its answer is lost; there is never an answer; the answer carries other
 * headers; or nothing.
 */
export type S3Fault =
  | "before"
  | "half"
  | "after"
  | "silence"
  | { readonly headers: Readonly<Record<string, string | undefined>> };

export interface S3FaultProxy extends AsyncDisposable {
  readonly url: string;
  /** Requests that came, as `<method> <what>`, e.g. `PUT part`. */
  readonly seen: string[];
}

/** What an S3 request does, told by its query. */
function describe({ method = "", url = "" }: IncomingMessage): string {
  const query = new URL(url, "http://s3").searchParams;
  if (query.has("partNumber")) return `${method} part`;
  if (query.has("uploadId")) return method === "POST" ? "POST complete" : `${method} upload`;
  if (query.has("uploads")) return `${method} uploads`;
  return query.has("list-type") ? `${method} list` : `${method} object`;
}

/** Stands between a client and the S3 server; signatures stay right, because the host that was signed is passed on. */
export async function startS3FaultProxy(
  target: string,
  faults: (what: string, n: number) => S3Fault | undefined,
): Promise<S3FaultProxy> {
  const seen: string[] = [];
  const server = createServer((incoming, answer) => {
    const what = describe(incoming);
    seen.push(what);
    const fault = faults(what, seen.filter((each) => each === what).length);
    void pass({ incoming, answer, target, fault });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    seen,
    [Symbol.asyncDispose]: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function pass({
  incoming,
  answer,
  target,
  fault,
}: {
  incoming: IncomingMessage;
  answer: ServerResponse;
  target: string;
  fault: S3Fault | undefined;
}): Promise<void> {
  if (fault === "before") return void incoming.socket.destroy();
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(chunk as Buffer);
  const body = Buffer.concat(chunks);
  if (fault === "silence") return;
  const outgoing = send(new URL(incoming.url ?? "/", target), {
    method: incoming.method,
    headers: incoming.headers,
    setHost: false,
    agent: false,
  });
  outgoing.on("error", () => incoming.socket.destroy());
  if (fault === "half") {
    outgoing.flushHeaders();
    outgoing.write(body.subarray(0, body.length / 2), () => {
      outgoing.destroy();
      incoming.socket.destroy();
    });
    return;
  }
  outgoing.on("response", (response) => {
    if (fault === "after") {
      response.resume();
      response.on("end", () => incoming.socket.destroy());
      return;
    }
    const headers: Record<string, string | string[] | undefined> = {
      ...response.headers,
      ...(typeof fault === "object" ? fault.headers : {}),
    };
    const kept = Object.entries(headers).flatMap(([name, value]) =>
      value === undefined ? [] : [[name, value] as const],
    );
    answer.writeHead(response.statusCode ?? 502, Object.fromEntries(kept));
    response.pipe(answer);
  });
  outgoing.end(body);
}
