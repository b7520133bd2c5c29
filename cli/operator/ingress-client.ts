import { readFile } from "node:fs/promises";

/** Where a running hub's ingress is, and who we are to it. */
export interface HubChoice {
  /** URL of the ingress, e.g. `http://localhost:9443`. */
  readonly hub?: string;
  readonly tokenFile?: string;
}

/** Posts to the ingress of a running hub. Throws one sentence when it is not taken. */
export async function postToHub(
  { hub = "", tokenFile }: HubChoice,
  path: "/events" | "/alerts",
  message: { readonly headers: Readonly<Record<string, string>>; readonly body: string },
): Promise<string> {
  const token = tokenFile === undefined ? undefined : (await readFile(tokenFile, "utf8")).trim();
  const url = new URL(path, hub);
  const response = await fetch(url, {
    method: "POST",
    redirect: "error",
    headers: { ...message.headers, ...(token !== undefined && { authorization: `Bearer ${token}` }) },
    body: message.body,
  }).catch((error: unknown) => {
    throw new Error(`${url.href} does not answer; is capfn run there with --ingress-bind-address?`, {
      cause: error,
    });
  });
  const answer = await response.text();
  if (response.ok) return answer;
  throw new Error(`${url.href} answers ${response.status}: ${answer.slice(0, 1000)}`);
}
