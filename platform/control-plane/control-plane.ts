import { randomBytes } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findBinary } from "#platform/control-plane/assets.ts";
import {
  type CertificateAuthority,
  createCertificateAuthority,
} from "#platform/control-plane/certificates.ts";
import { type Etcd, startEtcd } from "#platform/control-plane/etcd.ts";
import { freePort } from "#platform/control-plane/free-ports.ts";
import type { ControlPlaneHost } from "#platform/control-plane/host.ts";
import {
  apiServerArgs,
  type TokenUser,
  writeApiServerFiles,
} from "#platform/control-plane/kube-apiserver.ts";
import { startControllerManager } from "#platform/control-plane/kube-controller-manager.ts";
import { renderKubeconfig } from "#platform/control-plane/kubeconfig.ts";
import { untilReady, withPortRetry } from "#platform/control-plane/readiness.ts";
import { startSupervised, type SupervisedProcess } from "#platform/control-plane/supervised-process.ts";
import type { ConnectionConfig } from "#platform/kube/connection-config.ts";

/** What a control plane is made of. */
export interface ControlPlaneOptions {
  /** Name of the cluster, e.g. `management`: in kubeconfigs, in the etcd prefix, as name of the connection. A DNS label. */
  readonly name: string;
  /** A shared etcd; a private one is started and stopped with the control plane when absent. */
  readonly etcd?: Etcd;
  /** Users besides `admin`, so that their requests can be told apart in the audit log and limited by RBAC. */
  readonly users?: readonly TokenUser[];
  /** Controllers of kube-controller-manager to run, e.g. `BASIC_CONTROLLERS`; it is not started when absent or empty. */
  readonly controllers?: readonly string[];
  /** Whether every finished request is written to `auditLogPath`; true when absent. */
  readonly auditLog?: boolean;
  /** Where the API server listens; a free port of 127.0.0.1 when absent. */
  readonly endpoint?: { readonly address: string; readonly port: number };
  /** Flags of kube-apiserver, without dashes, that win over the defaults. */
  readonly extraFlags?: Readonly<Record<string, string>>;
}

/** A running control plane on the loopback interface: kube-apiserver, and what it was asked to have around it. */
export interface ControlPlane extends AsyncDisposable {
  readonly name: string;
  /** `https://127.0.0.1:port`, or at another address of the loopback interface. */
  readonly server: string;
  readonly caPem: string;
  /** Token of the user `admin`, who may do everything (group `system:masters`). */
  readonly adminToken: string;
  /** Kubeconfig of `admin`, as text and as a file. */
  readonly kubeconfig: string;
  readonly kubeconfigPath: string;
  /** Connection of `admin`. */
  readonly clientConfig: ConnectionConfig;
  /** JSON lines, `audit.k8s.io/v1` Event of stage ResponseComplete at level Metadata; empty when auditing is off. */
  readonly auditLogPath: string;
  /** Signs further certificates that its API server trusts, e.g. for webhook servers. */
  readonly certificateAuthority: CertificateAuthority;
  /** Scratch space that is removed with the control plane. */
  readonly directory: string;
  /** Kubeconfig of one of `users`. Throws when there is no such user. */
  kubeconfigFor(user: string): string;
  /** Connection of one of `users`. Throws when there is no such user. */
  clientConfigFor(user: string): ConnectionConfig;
  /** Faults of the API server. Its data stays. */
  readonly apiServer: {
    /** Ends it at once; connections are reset and new ones are refused. */
    kill(): Promise<void>;
    /** Starts it again at the same address and resolves when it is ready. Old resourceVersions are then too old to watch from. */
    start(): Promise<void>;
    /** Freezes it: connections stay open and nothing is answered. */
    suspend(): void;
    resume(): void;
  };
  /** Ends everything and removes every file. May be called more than once. */
  stop(): Promise<void>;
}

/**
 * Starts a control plane and resolves when its API server is ready (about 3 s with its programs at hand).
 * Everything ends with this process, however that ends.
 */
export async function startControlPlane(
  host: ControlPlaneHost,
  options: ControlPlaneOptions,
): Promise<ControlPlane> {
  const binary = await findBinary(host, "kube-apiserver");
  await using undo = new AsyncDisposableStack();
  const directory = await mkdtemp(join(tmpdir(), `capfn-${options.name}-`));
  undo.defer(() => rm(directory, { recursive: true, force: true }));

  const admin = superuser("admin");
  // Not admin: what the controllers ask for must not count as the administrator's requests.
  const controllerManager = superuser("system:kube-controller-manager");
  const users = [admin, controllerManager, ...(options.users ?? [])];
  const authority = await createCertificateAuthority(`capfn-${options.name}-ca`, host.clock.now());
  const files = await writeApiServerFiles(
    directory,
    authority,
    users,
    options.endpoint === undefined ? [] : [options.endpoint.address],
  );
  const etcd = options.etcd ?? undo.use(await startEtcd(host));

  const address = options.endpoint?.address ?? "127.0.0.1";
  const startApiServer = async (port: number): Promise<SupervisedProcess> => {
    const process = startSupervised({
      name: `kube-apiserver of ${options.name}`,
      command: binary,
      args: apiServerArgs(files, {
        address,
        port,
        etcdUrl: etcd.url,
        etcdPrefix: `/registry/${options.name}`,
        auditLog: options.auditLog ?? true,
        serviceAccounts: options.controllers?.includes("serviceaccount-controller") ?? false,
        extraFlags: options.extraFlags ?? {},
      }),
      directory,
      logPath: join(directory, "kube-apiserver.log"),
      // Collects twice as often as usual, for a sixth less memory.
      variables: { GOGC: "50" },
      clock: host.clock,
    });
    try {
      const url = `https://${address}:${port}/readyz`;
      await untilReady(process, { url, caPem: authority.certPem, token: admin.token }, host.clock);
    } catch (error) {
      await process.stop();
      throw error;
    }
    return process;
  };
  const first = await withPortRetry(async () => {
    const chosen = options.endpoint?.port ?? (await freePort());
    return { port: chosen, process: await startApiServer(chosen) };
  });
  let apiServer = first.process;
  undo.defer(() => apiServer.stop());

  const server = `https://${address}:${first.port}`;
  const userNamed = (name: string): TokenUser => {
    const user = users.find((candidate) => candidate.name === name);
    if (user === undefined) {
      const known = users.map((candidate) => candidate.name).join(", ");
      throw new Error(`control plane ${options.name} has no user ${name}; it has ${known}`);
    }
    return user;
  };
  const kubeconfigFor = (name: string): string =>
    renderKubeconfig({
      name: options.name,
      server,
      caPem: authority.certPem,
      user: name,
      token: userNamed(name).token,
    });
  const clientConfigFor = (name: string): ConnectionConfig => ({
    connection: options.name,
    server,
    caPem: authority.certPem,
    token: userNamed(name).token,
  });

  const secret = { mode: 0o600 };
  const kubeconfigPath = join(directory, "kubeconfig");
  await writeFile(kubeconfigPath, kubeconfigFor(admin.name), secret);
  if (options.controllers !== undefined && options.controllers.length > 0) {
    const managerKubeconfig = join(directory, "kube-controller-manager.kubeconfig");
    await writeFile(managerKubeconfig, kubeconfigFor(controllerManager.name), secret);
    const manager = await startControllerManager(host, {
      files,
      authority,
      kubeconfigPath: managerKubeconfig,
      controllers: options.controllers,
    });
    undo.defer(() => manager.stop());
  }

  const resources = undo.move();
  const stop = (): Promise<void> => resources.disposeAsync();
  return {
    name: options.name,
    server,
    caPem: authority.certPem,
    adminToken: admin.token,
    kubeconfig: kubeconfigFor(admin.name),
    kubeconfigPath,
    clientConfig: clientConfigFor(admin.name),
    auditLogPath: files.auditLog,
    certificateAuthority: authority,
    directory,
    kubeconfigFor,
    clientConfigFor,
    apiServer: {
      kill: () => apiServer.stop(),
      start: async () => {
        await apiServer.stop();
        apiServer = await withPortRetry(() => startApiServer(first.port));
      },
      suspend: () => apiServer.signal("STOP"),
      resume: () => apiServer.signal("CONT"),
    },
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

/** A user who may do everything. */
function superuser(name: string): TokenUser {
  return { name, groups: ["system:masters"], token: randomBytes(24).toString("base64url") };
}
