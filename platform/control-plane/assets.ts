import { createHash } from "node:crypto";
import { constants } from "node:fs";
import { access, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { cacheDirectory, cached, exists } from "#platform/control-plane/asset-cache.ts";
import { reasonOf } from "#platform/control-plane/download.ts";
import { envtestBinaries, goArchitecture } from "#platform/control-plane/envtest-download.ts";
import { buildGoProgram, type GoProgram, modulePath } from "#platform/control-plane/go-build.ts";
import { GO_VERSION } from "#platform/control-plane/go-toolchain.ts";
import type { ControlPlaneHost } from "#platform/control-plane/host.ts";

/** The programs a control plane, and Cluster API on it, are made of. */
export type BinaryName =
  | "etcd"
  | "kube-apiserver"
  | "kube-controller-manager"
  | "cluster-api-core"
  | "kubeadm-bootstrap"
  | "kubeadm-control-plane"
  | "clusterctl"
  | "kubevirt-crds";

interface BinarySource extends Omit<GoProgram, "name"> {
  /** Whether controller-tools publishes it for tests. */
  readonly envtest: boolean;
}

/** What Kubernetes programs say they are; they are built without the release scripts that would set it. */
const KUBERNETES_VERSION = {
  "k8s.io/component-base/version.gitVersion": "v1.35.4",
  "k8s.io/component-base/version.gitMajor": "1",
  "k8s.io/component-base/version.gitMinor": "35",
};

const CLUSTER_API_VERSION = { "sigs.k8s.io/cluster-api/version.gitVersion": "v1.14.2" };

const SOURCES: Readonly<Record<BinaryName, BinarySource>> = {
  etcd: { module: "etcd", package: "./cmd/etcd", envtest: true, duration: "about a minute" },
  "kube-apiserver": {
    module: "control-plane",
    package: "./cmd/kube-apiserver",
    envtest: true,
    duration: "about 3 minutes",
    linkVariables: KUBERNETES_VERSION,
  },
  "kube-controller-manager": {
    module: "control-plane",
    package: "./cmd/kube-controller-manager",
    envtest: false,
    duration: "about 2 minutes",
    linkVariables: KUBERNETES_VERSION,
  },
  "cluster-api-core": {
    module: "capi",
    package: "sigs.k8s.io/cluster-api/core",
    envtest: false,
    duration: "about 3 minutes",
    linkVariables: CLUSTER_API_VERSION,
  },
  "kubeadm-bootstrap": {
    module: "capi",
    package: "sigs.k8s.io/cluster-api/bootstrap/kubeadm",
    envtest: false,
    duration: "about 3 minutes",
    linkVariables: CLUSTER_API_VERSION,
  },
  "kubeadm-control-plane": {
    module: "capi",
    package: "sigs.k8s.io/cluster-api/controlplane/kubeadm",
    envtest: false,
    duration: "about 3 minutes",
    linkVariables: CLUSTER_API_VERSION,
  },
  clusterctl: {
    module: "capi",
    package: "sigs.k8s.io/cluster-api/cmd/clusterctl",
    envtest: false,
    duration: "about 3 minutes",
    linkVariables: CLUSTER_API_VERSION,
  },
  "kubevirt-crds": { module: "kubevirt-crds", package: ".", envtest: false, duration: "about a minute" },
};

/**
 * Path of a program, from the first place that has it: the directory `KUBEBUILDER_ASSETS`, the cache, the envtest download, a
 * build from the Go modules in `modules/` (with a Go that is fetched when none is installed). Throws one sentence that says what
 * was tried and what to do.
 */
export async function findBinary(host: ControlPlaneHost, name: BinaryName): Promise<string> {
  const source = SOURCES[name];
  const tried: string[] = [];

  const assets = host.environment.get("KUBEBUILDER_ASSETS");
  if (assets !== undefined && assets !== "") {
    const path = join(assets, name);
    if (await isExecutable(path)) return path;
    tried.push(`KUBEBUILDER_ASSETS (${assets}) does not hold it`);
  } else tried.push("KUBEBUILDER_ASSETS is not set");

  const built = join("bin", `${name}-${await buildKey(source)}`);
  const cachedPath = join(cacheDirectory(host.environment), built);
  if (await exists(cachedPath)) return cachedPath;

  if (source.envtest) {
    try {
      return join(await envtestBinaries(host), name);
    } catch (error) {
      tried.push(`the envtest download failed (${messageOf(error)})`);
    }
  }
  try {
    return await cached(host, built, (target) => buildGoProgram(host, { name, ...source }, target));
  } catch (error) {
    tried.push(messageOf(error));
  }
  throw new Error(
    `${name} cannot be had: ${tried.join("; ")}. Set KUBEBUILDER_ASSETS to a directory that holds ${name}, or install Go ` +
      `${GO_VERSION} or newer and let it reach a module proxy (GOPROXY)`,
  );
}

/** Changes when what the program is built from changes: the pinned modules, its main package, the machine's architecture. */
async function buildKey(source: BinarySource): Promise<string> {
  const root = modulePath(source.module);
  const hash = createHash("sha256").update(
    JSON.stringify([goArchitecture(), source.package, source.linkVariables ?? {}]),
  );
  for (const file of ["go.mod", "go.sum"]) hash.update(await readFile(join(root, file)));
  if (source.package.startsWith(".")) {
    const directory = join(root, source.package);
    const files = (await readdir(directory)).filter((file) => file.endsWith(".go")).sort();
    for (const file of files) hash.update(await readFile(join(directory, file)));
  }
  return hash.digest("hex").slice(0, 16);
}

async function isExecutable(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}

function messageOf(error: unknown): string {
  return error instanceof Error && error.message !== "" ? error.message : reasonOf(error);
}
