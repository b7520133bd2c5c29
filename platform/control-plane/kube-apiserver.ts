import { writeFile } from "node:fs/promises";
import { isIP } from "node:net";
import { join } from "node:path";
import type { CertificateAuthority } from "#platform/control-plane/certificates.ts";
import { createSigningKeys } from "#platform/control-plane/certificates.ts";

/** A user known to one API server by a fixed token. Tokens must not contain commas, quotes or spaces. */
export interface TokenUser {
  readonly name: string;
  readonly groups: readonly string[];
  readonly token: string;
}

/** Paths of everything one API server reads and writes; all are below `directory`. */
export interface ApiServerFiles {
  readonly directory: string;
  readonly caCert: string;
  readonly servingCert: string;
  readonly servingKey: string;
  readonly serviceAccountKey: string;
  readonly serviceAccountPublicKey: string;
  readonly tokens: string;
  readonly auditPolicy: string;
  readonly auditLog: string;
}

/** One line per finished request, watches included, without bodies: enough to count who asked for what. */
const AUDIT_POLICY = `apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived, ResponseStarted]
rules:
- level: Metadata
`;

/** Where an API server's files are when they are in `directory`. */
export function apiServerFiles(directory: string): ApiServerFiles {
  return {
    directory,
    caCert: join(directory, "ca.crt"),
    servingCert: join(directory, "tls.crt"),
    servingKey: join(directory, "tls.key"),
    serviceAccountKey: join(directory, "sa.key"),
    serviceAccountPublicKey: join(directory, "sa.pub"),
    tokens: join(directory, "tokens.csv"),
    auditPolicy: join(directory, "audit-policy.yaml"),
    auditLog: join(directory, "audit.log"),
  };
}

/**
 * Writes keys, certificates, tokens and the audit policy into `directory`, readable by their owner only. The server can be reached on the loopback
 * interface, and by the DNS names and addresses `alsoAt`.
 */
export async function writeApiServerFiles(
  directory: string,
  authority: CertificateAuthority,
  users: readonly TokenUser[],
  alsoAt: readonly string[] = [],
): Promise<ApiServerFiles> {
  const files = apiServerFiles(directory);
  const serving = await authority.issue("CN=kube-apiserver", [
    { ip: "127.0.0.1" },
    { dns: "localhost" },
    { dns: "kubernetes.default.svc" },
    { ip: "10.96.0.1" },
    ...alsoAt.map((name) => (isIP(name) === 0 ? { dns: name } : { ip: name })),
  ]);
  const signing = await createSigningKeys();
  const secret = { mode: 0o600 };
  await Promise.all([
    writeFile(files.caCert, authority.certPem),
    writeFile(files.servingCert, serving.certPem),
    writeFile(files.servingKey, serving.keyPem, secret),
    writeFile(files.serviceAccountKey, signing.privatePem, secret),
    writeFile(files.serviceAccountPublicKey, signing.publicPem),
    writeFile(files.tokens, users.map(tokenLine).join(""), secret),
    writeFile(files.auditPolicy, AUDIT_POLICY),
    writeFile(files.auditLog, ""),
  ]);
  return files;
}

/** What tells one API server from another. */
export interface ApiServerSettings {
  /** Of the loopback interface; `127.0.0.1` when absent. */
  readonly address?: string;
  readonly port: number;
  readonly etcdUrl: string;
  readonly etcdPrefix: string;
  readonly auditLog: boolean;
  /** Whether a controller makes the `default` ServiceAccount of each namespace, without which no Pod is admitted. */
  readonly serviceAccounts: boolean;
  /** Flag name without dashes to value; wins over what is set here. */
  readonly extraFlags: Readonly<Record<string, string>>;
}

/** Command line of an API server on the loopback interface with RBAC and an audit log (kube-apiserver reference). */
export function apiServerArgs(files: ApiServerFiles, settings: ApiServerSettings): string[] {
  const flags = {
    "etcd-servers": settings.etcdUrl,
    "etcd-prefix": settings.etcdPrefix,
    "bind-address": settings.address ?? "127.0.0.1",
    "advertise-address": "127.0.0.1",
    "secure-port": String(settings.port),
    "tls-cert-file": files.servingCert,
    "tls-private-key-file": files.servingKey,
    "client-ca-file": files.caCert,
    "token-auth-file": files.tokens,
    "service-account-issuer": "https://kubernetes.default.svc",
    "service-account-key-file": files.serviceAccountPublicKey,
    "service-account-signing-key-file": files.serviceAccountKey,
    // A /24 keeps the in-memory bitmap of service addresses small.
    "service-cluster-ip-range": "10.96.0.0/24",
    "authorization-mode": "RBAC",
    "endpoint-reconciler-type": "none",
    "watch-cache": "true",
    // As kubeadm has it: static Pods of a control plane are privileged.
    "allow-privileged": "true",
    ...(settings.serviceAccounts ? {} : { "disable-admission-plugins": "ServiceAccount" }),
    profiling: "false",
    ...(settings.auditLog
      ? {
          "audit-policy-file": files.auditPolicy,
          "audit-log-path": files.auditLog,
          // Rotation would hide requests from who counts them; without this flag a file ends at 100 MB.
          "audit-log-maxsize": "100000",
        }
      : {}),
    ...settings.extraFlags,
  };
  return Object.entries(flags).map(([name, value]) => `--${name}=${value}`);
}

function tokenLine(user: TokenUser): string {
  for (const field of [user.name, user.token, ...user.groups]) {
    if (/[",\s]/.test(field)) {
      throw new Error(
        `user ${JSON.stringify(user.name)}: names, groups and tokens must not contain commas, quotes or white space`,
      );
    }
  }
  return `${user.token},${user.name},${user.name},"${user.groups.join(",")}"\n`;
}
