import { createPrivateKey, sign } from "node:crypto";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { deployManifests } from "#cli/generate/deploy/index.ts";
import { kubeObjectManifests } from "#cli/lab/manifests.ts";
import type { ControlPlane } from "#platform/control-plane/control-plane.ts";
import { freePorts } from "#platform/control-plane/free-ports.ts";
import type { KubeClient } from "#platform/kube/client.ts";
import { createKubeClient } from "#platform/kube/rest.ts";
import { tokenReviewer } from "#platform/kube/token-review.ts";
import { systemClock } from "#platform/process/clock.ts";
import { accountToken, serviceAccounts } from "#test/support/account-token.ts";
import { endCapfn, startCapfn, type RunningCommand } from "#test/support/command-line.ts";
import { privateControlPlane, testUsers } from "#test/support/control-planes.ts";
import { FakeClock } from "#test/support/fake-clock.ts";

const NAMESPACE = "capfn-system";
const AUDIENCE = "capfn-functions";
const HUB = `system:serviceaccount:${NAMESPACE}:capfn-hub`;
/** The account that serves: it has the rendered rights and no others. */
const SERVING = `system:serviceaccount:${NAMESPACE}:capfn-vm-create`;
const clock = systemClock();
let directory = "";
let plane: ControlPlane;
let client: KubeClient;
let functions: RunningCommand;
let url = "";

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "capfn-callers-"));
  const serving = {
    name: SERVING,
    groups: ["system:serviceaccounts", "system:authenticated"],
    token: "serving",
  };
  plane = await privateControlPlane({ name: "callers", users: [...testUsers(), serving] }, [
    { apiVersion: "v1", kind: "Namespace", metadata: { name: NAMESPACE } },
    ...[...deployManifests()]
      .filter(([path]) => /^manifests\/(rbac\/|knative\/token-review)/.test(path))
      .flatMap(([, text]) => kubeObjectManifests(text)),
    account("capfn-hub"),
    account("capfn-other"),
  ]);
  client = createKubeClient(plane.clientConfig, { clock });
  const kubeconfig = join(directory, "kubeconfig");
  await writeFile(kubeconfig, plane.kubeconfigFor(SERVING), { mode: 0o600 });
  const [port] = await freePorts(1);
  url = `http://127.0.0.1:${port}/vm-create`;
  const where = ["--bind-address", `127.0.0.1:${port}`, "--kubeconfig", kubeconfig];
  const who = [
    "--token-audience",
    AUDIENCE,
    "--token-user",
    HUB,
    "--token-user",
    "system:serviceaccount:a:b",
  ];
  functions = startCapfn("serve", "vm-create", ...where, ...who);
  await functions.line(/functions are served/);
}, 300_000);

afterAll(async () => {
  endCapfn();
  client?.close();
  await plane?.stop();
  await rm(directory, { recursive: true, force: true });
});

function account(name: string) {
  return { apiVersion: "v1", kind: "ServiceAccount", metadata: { name, namespace: NAMESPACE } };
}

/** A token of an account in capfn's namespace. */
const tokenFor = (name: string, audience: string) =>
  accountToken(plane, { namespace: NAMESPACE, name }, audience);

/** A token of the API server's own key whose claims are changed; no API server gives one that lasts less than ten minutes. */
async function resigned(token: string, change: (claims: Record<string, unknown>) => object): Promise<string> {
  const [header = "", payload = ""] = token.split(".");
  const claims = JSON.parse(Buffer.from(payload, "base64url").toString()) as Record<string, unknown>;
  const body = `${header}.${Buffer.from(JSON.stringify(change(claims))).toString("base64url")}`;
  const key = createPrivateKey(await readFile(join(plane.directory, "sa.key"), "utf8"));
  return `${body}.${sign("sha256", Buffer.from(body), { key, dsaEncoding: "ieee-p1363" }).toString("base64url")}`;
}

/** What a caller with this token is answered. 400: it was let in, and its request is no dispatch. */
async function answerTo(token: string | undefined): Promise<number> {
  const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
  const response = await fetch(url, { method: "POST", headers, body: "{}" });
  await response.body?.cancel();
  return response.status;
}

test("a function lets in the hub's account by a token for its audience, and nobody else", async () => {
  const right = await tokenFor("capfn-hub", AUDIENCE);
  const ago = (seconds: number) => Math.floor(Date.now() / 1_000) - seconds;
  const expired = await resigned(right, (claims) => ({
    ...claims,
    iat: ago(900),
    nbf: ago(900),
    exp: ago(300),
  }));
  const forged = `${right.slice(0, right.lastIndexOf("."))}.${Buffer.alloc(256, 7).toString("base64url")}`;
  const tokens: readonly (readonly [string, string | undefined, number])[] = [
    ["right", right, 400],
    ["the same, changed in nothing and signed anew", await resigned(right, (claims) => claims), 400],
    ["another audience", await tokenFor("capfn-hub", "capfn-hub"), 401],
    ["for the API server itself", await tokenFor("capfn-hub", "https://kubernetes.default.svc"), 401],
    ["expired", expired, 401],
    ["another account", await tokenFor("capfn-other", AUDIENCE), 403],
    ["its signature forged", forged, 401],
    ["garbage", "garbage", 401],
    ["garbage in three parts", "a.b.c", 401],
    ["a user's, not an account's", plane.adminToken, 401],
    ["none", undefined, 401],
  ];
  const said: (readonly [string, number])[] = [];
  for (const [what, token] of tokens) said.push([what, await answerTo(token)]);
  expect(said).toEqual(tokens.map(([what, , status]) => [what, status]));
  const log = await logSoFar();
  for (const [, token = ""] of tokens) {
    const [, , signature = ""] = token.split(".");
    if (signature.length > 20) expect(log).not.toContain(signature);
  }
  expect(log).toMatch(/"user":"system:serviceaccount:capfn-system:capfn-other"/);
  expect(log).toMatch(/"why":"expired"/);
});

test("while the API server does not answer nobody new is let in, and nobody is called a liar", async () => {
  const known = await tokenFor("capfn-hub", AUDIENCE);
  const fresh = await tokenFor("capfn-hub", AUDIENCE);
  expect(await answerTo(known)).toBe(400);
  await plane.apiServer.kill();
  try {
    const response = await fetch(url, {
      method: "POST",
      headers: { authorization: `Bearer ${fresh}` },
      body: "{}",
    });
    expect(response.status).toBe(503);
    expect(response.headers.get("retry-after")).toBe("1");
    expect(await answerTo(known)).toBe(400);
  } finally {
    await plane.apiServer.start();
  }
  await expect.poll(() => answerTo(fresh), { timeout: 60_000 }).toBe(400);
}, 120_000);

test("a token counts for a minute at most after its account is deleted", async () => {
  await client.create(serviceAccounts, account("capfn-leaving"));
  const own = new FakeClock(Date.now());
  const review = tokenReviewer({ client, audience: AUDIENCE, clock: own });
  const token = await tokenFor("capfn-leaving", AUDIENCE);
  const user = `system:serviceaccount:${NAMESPACE}:capfn-leaving`;
  expect(await review(token)).toEqual({ user });
  const at = { namespace: NAMESPACE, name: "capfn-leaving" };
  const uid = (await client.get(serviceAccounts, at))?.metadata.uid ?? "";
  await client.delete(serviceAccounts, at, { uid });
  // The API server's own memory of tokens lasts ten seconds.
  const unremembered = tokenReviewer({ client, audience: AUDIENCE, clock: new FakeClock(Date.now()) });
  await expect
    .poll(() => tokenReviewer({ client, audience: AUDIENCE, clock })(token), {
      timeout: 60_000,
      interval: 500,
    })
    .toEqual({ refused: "notAuthenticated" });
  expect(await unremembered(token)).toEqual({ refused: "notAuthenticated" });
  await own.advance(59_999);
  expect(await review(token)).toEqual({ user });
  await own.advance(1);
  expect(await review(token)).toEqual({ refused: "notAuthenticated" });
}, 120_000);

/** What the function's process has written until now. */
async function logSoFar(): Promise<string> {
  const [all] = await functions.line(/[^]*/);
  return all;
}
