import { X509Certificate, createPrivateKey } from "node:crypto";

import { LineCounter, parseDocument } from "yaml";
import * as z from "zod";

import type { ConnectionConfig } from "#platform/kube/connection-config.ts";

/** What is wrong with a kubeconfig: the field and the mend, never any of its content. */
export class KubeconfigError extends Error {
  override readonly name = "KubeconfigError";
}

const text = z.string().optional();

const clusterSchema = z.looseObject({
  server: text,
  "certificate-authority": text,
  "certificate-authority-data": text,
  "insecure-skip-tls-verify": z.boolean().optional(),
  "tls-server-name": text,
  "proxy-url": text,
});

const userSchema = z.looseObject({
  token: text,
  "client-certificate-data": text,
  "client-key-data": text,
});

const kubeconfigSchema = z.looseObject({
  "current-context": text,
  contexts: z
    .array(z.looseObject({ name: z.string(), context: z.looseObject({ cluster: text, user: text }) }))
    .nullish(),
  clusters: z.array(z.looseObject({ name: z.string(), cluster: clusterSchema })).nullish(),
  users: z.array(z.looseObject({ name: z.string(), user: userSchema.nullish() })).nullish(),
});

type Cluster = z.infer<typeof clusterSchema>;
type User = z.infer<typeof userSchema>;

/**
 * What a kubeconfig in a Secret must not have: it is read in another pod, where no such file exists, and where running a program
 * it names would hand the pod to whoever may write the Secret.
 */
const refusedUserFields: Readonly<Record<string, string>> = {
  exec: "runs a program; use a token or a client certificate of a ServiceAccount or user",
  "auth-provider": "needs a plug-in; use a token or a client certificate",
  tokenFile: "is a file; put the token itself into token",
  "client-certificate":
    "is a file; put the certificate into client-certificate-data (kubectl config view --flatten)",
  "client-key": "is a file; put the key into client-key-data (kubectl config view --flatten)",
  username: "basic authentication is not served by Kubernetes; use a token or a client certificate",
  as: "impersonation is not supported; use the credentials of that user",
};

/**
 * The connection of one context of a self-contained kubeconfig, its current one when none is named, e.g. of an identity Secret or of
 * the Secret `<cluster>-kubeconfig` (Cluster API contract). Pure: reads no file, runs nothing.
 *
 * @throws KubeconfigError
 */
export function parseKubeconfig(kubeconfig: string, connection: string, chosen?: string): ConnectionConfig {
  const read = readYaml(kubeconfig);
  const config = chosen === undefined ? read : { ...read, "current-context": chosen };
  const context = chooseContext(config);
  const cluster = findCluster(config, context.name, context.cluster);
  const user = findUser(config, context.name, context.user);
  return { connection, ...clusterPart(cluster.name, cluster.cluster), ...userPart(user.name, user.user) };
}

/**
 * Name of the user of one context, its current one when none is named. What people call themselves; who they are, the API server knows.
 *
 * @throws KubeconfigError
 */
export function userNameIn(kubeconfig: string, chosen?: string): string {
  const read = readYaml(kubeconfig);
  return chooseContext(chosen === undefined ? read : { ...read, "current-context": chosen }).user;
}

function readYaml(kubeconfig: string): z.infer<typeof kubeconfigSchema> {
  const lines = new LineCounter();
  // Pretty errors and warnings quote the source, and the source holds credentials.
  const document = parseDocument(kubeconfig, { prettyErrors: false, logLevel: "silent", lineCounter: lines });
  const [mistake] = document.errors;
  if (mistake !== undefined) {
    const { line } = lines.linePos(mistake.pos[0]);
    throw new KubeconfigError(`kubeconfig is not YAML: ${mistake.code} in line ${line}; mend that line`);
  }
  const parsed = kubeconfigSchema.safeParse(toJavaScript(document));
  if (parsed.success) return parsed.data;
  const at = parsed.error.issues[0]?.path.join(".") ?? "";
  throw new KubeconfigError(
    at === ""
      ? "kubeconfig is empty or not a mapping; store the output of `kubectl config view --raw --flatten`"
      : `kubeconfig field ${at} is missing or has the wrong type; compare with \`kubectl config view --flatten\``,
  );
}

function toJavaScript(document: { toJS(): unknown }): unknown {
  try {
    return document.toJS();
  } catch {
    throw new KubeconfigError("kubeconfig uses YAML aliases that cannot be resolved; write the values out");
  }
}

type Kubeconfig = z.infer<typeof kubeconfigSchema>;

function chooseContext(config: Kubeconfig): { name: string; cluster: string; user: string } {
  const known = (config.contexts ?? []).map((entry) => entry.name);
  const name = config["current-context"];
  if (name === undefined || name === "") {
    throw new KubeconfigError(`kubeconfig has no current-context; set it to one of: ${nameList(known)}`);
  }
  const context = config.contexts?.find((entry) => entry.name === name)?.context;
  if (context === undefined) {
    throw new KubeconfigError(
      `kubeconfig current-context "${name}" is not in contexts; set it to one of: ${nameList(known)}`,
    );
  }
  const { cluster, user } = context;
  if (cluster === undefined || cluster === "" || user === undefined || user === "") {
    const missing = cluster === undefined || cluster === "" ? "cluster" : "user";
    throw new KubeconfigError(`kubeconfig context "${name}" has no ${missing}; name an entry of ${missing}s`);
  }
  return { name, cluster, user };
}

function findCluster(config: Kubeconfig, context: string, name: string): { name: string; cluster: Cluster } {
  const found = config.clusters?.find((entry) => entry.name === name);
  if (found !== undefined) return found;
  throw new KubeconfigError(
    `kubeconfig cluster "${name}" of context "${context}" is not in clusters; it has: ${nameList((config.clusters ?? []).map((entry) => entry.name))}`,
  );
}

function findUser(config: Kubeconfig, context: string, name: string): { name: string; user: User } {
  const found = config.users?.find((entry) => entry.name === name);
  if (found !== undefined) return { name, user: found.user ?? {} };
  throw new KubeconfigError(
    `kubeconfig user "${name}" of context "${context}" is not in users; it has: ${nameList((config.users ?? []).map((entry) => entry.name))}`,
  );
}

function clusterPart(name: string, cluster: Cluster): Omit<ConnectionConfig, "connection"> {
  const where = `kubeconfig cluster "${name}"`;
  const { server } = cluster;
  if (server === undefined || server === "") {
    throw new KubeconfigError(`${where} has no server; set it to the API server's URL, https://host:6443`);
  }
  const url = URL.parse(server);
  if (url === null || !["https:", "http:"].includes(url.protocol)) {
    throw new KubeconfigError(`${where}: server is not an http(s) URL; set it to https://host:6443`);
  }
  if (url.username !== "" || url.password !== "") {
    throw new KubeconfigError(`${where}: server contains credentials; move them to a user entry`);
  }
  if (has(cluster["certificate-authority"])) {
    throw new KubeconfigError(
      `${where}: certificate-authority is a file; put the certificate into certificate-authority-data (kubectl config view --flatten)`,
    );
  }
  if (has(cluster["proxy-url"])) {
    throw new KubeconfigError(
      `${where}: proxy-url is not supported; give a server that can be reached directly`,
    );
  }
  const authority = cluster["certificate-authority-data"];
  const caPem = has(authority) ? certificate(`${where}: certificate-authority-data`, authority) : undefined;
  return {
    server,
    caPem,
    insecureSkipTlsVerify: cluster["insecure-skip-tls-verify"],
    tlsServerName: has(cluster["tls-server-name"]) ? cluster["tls-server-name"] : undefined,
  };
}

function userPart(
  name: string,
  user: User,
): Pick<ConnectionConfig, "token" | "clientCertPem" | "clientKeyPem"> {
  const where = `kubeconfig user "${name}"`;
  for (const [field, why] of Object.entries(refusedUserFields)) {
    const value = user[field];
    if (value !== undefined && value !== null && value !== "") {
      throw new KubeconfigError(`${where}: ${field} ${why}`);
    }
  }
  const { "client-certificate-data": certData, "client-key-data": keyData } = user;
  if (has(certData) !== has(keyData)) {
    const missing = has(certData) ? "client-key-data" : "client-certificate-data";
    throw new KubeconfigError(`${where}: ${missing} is missing; certificate and key belong together`);
  }
  const token = user.token?.trim();
  if (!has(token) && !has(certData)) {
    throw new KubeconfigError(
      `${where} has no credentials; give token, or client-certificate-data and client-key-data`,
    );
  }
  if (has(token) && /[^\x21-\x7e]/.test(token)) {
    throw new KubeconfigError(
      `${where}: token has spaces, line breaks or other characters no token has; store it again`,
    );
  }
  return {
    token: has(token) ? token : undefined,
    clientCertPem: has(certData) ? certificate(`${where}: client-certificate-data`, certData) : undefined,
    clientKeyPem: has(keyData) ? privateKey(`${where}: client-key-data`, keyData) : undefined,
  };
}

function certificate(where: string, data: string): string {
  const pem = decodeBase64(where, data);
  if (parses(() => new X509Certificate(pem))) return pem;
  throw new KubeconfigError(`${where} is not a PEM certificate; encode the PEM file once with base64`);
}

function privateKey(where: string, data: string): string {
  const pem = decodeBase64(where, data);
  if (parses(() => createPrivateKey(pem))) return pem;
  throw new KubeconfigError(
    `${where} is not an unencrypted PEM private key; encode the PEM file once with base64`,
  );
}

function parses(parse: () => unknown): boolean {
  try {
    parse();
    return true;
  } catch {
    return false;
  }
}

function decodeBase64(where: string, data: string): string {
  const compact = data.replace(/\s+/g, "");
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(compact) || compact.length % 4 !== 0) {
    throw new KubeconfigError(`${where} is not base64; encode the PEM file with base64`);
  }
  return Buffer.from(compact, "base64").toString("utf8");
}

function has(value: string | undefined): value is string {
  return value !== undefined && value !== "";
}

function nameList(names: readonly string[]): string {
  return names.length === 0 ? "(none)" : names.map((name) => `"${name}"`).join(", ");
}
