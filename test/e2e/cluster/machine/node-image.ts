import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { copyFile, mkdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { createZstdCompress, createZstdDecompress } from "node:zlib";
import * as z from "zod";
import { cacheDirectory, cached, exists } from "#platform/control-plane/asset-cache.ts";
import { findBinary } from "#platform/control-plane/assets.ts";
import { findGo } from "#platform/control-plane/go-toolchain.ts";
import type { ControlPlaneHost } from "#platform/control-plane/host.ts";
import { run, succeeds } from "#test/e2e/cluster/machine/command.ts";
import type { Docker } from "#test/e2e/cluster/machine/docker.ts";
import { clusterProgram, moduleFolder, type ProgramName } from "#test/e2e/cluster/programs.ts";
import { OFFICIAL_NODE_IMAGE, versions } from "#test/e2e/cluster/versions.ts";

/** An image that kind can make a node of. */
export interface NodeImage {
  readonly name: string;
  /** Built here: a node of it has a bridge for its network, and etcd has our version. */
  readonly own: boolean;
}

/** Tag of etcd's image in a node image of ours. */
export const ETCD_TAG = `${versions.etcd}-0`;

const programs: readonly ProgramName[] = [
  "kube-apiserver",
  "kube-controller-manager",
  "kube-scheduler",
  "kube-proxy",
  "kubelet",
  "kubeadm",
  "kubectl",
  "coredns",
  "pause",
];

const script = join(import.meta.dirname, "node-image.sh");

/** The node image of the kind project where it can be pulled, else one that is built here once and kept in the cache. */
export async function nodeImage(host: ControlPlaneHost, docker: Docker): Promise<NodeImage> {
  const official = { name: OFFICIAL_NODE_IMAGE, own: false };
  const own = { name: `capfn-e2e/node:${await imageKey()}`, own: true };
  for (const image of [official, own]) if (await has(docker, image.name)) return image;
  const kept = join("cluster", `${own.name.replaceAll(/[^a-z0-9]+/g, "-")}.tar.zst`);
  if (!(await exists(join(cacheDirectory(host.environment), kept)))) {
    host.progress(`pulling ${official.name}, 400 MB, or finding that it cannot be had`);
    if (await succeeds("docker", ["pull", "--quiet", official.name], { variables: docker.variables }))
      return official;
  }
  let fresh = false;
  const archive = await cached(host, kept, async (target) => {
    await build(host, docker, own.name);
    fresh = true;
    host.progress("keeping the node image in the cache, about 20 seconds");
    await save(docker, own.name, target);
  });
  if (!fresh) await load(host, docker, archive);
  return own;
}

/** Changes with everything the image is made of. */
async function imageKey(): Promise<string> {
  const hash = createHash("sha256").update(JSON.stringify([versions, process.arch]));
  const modules = ["kubernetes", "coredns", "pause", "kind"].map((module) =>
    join(moduleFolder(module), "go.mod"),
  );
  for (const file of [script, ...modules]) hash.update(await readFile(file));
  return hash.digest("hex").slice(0, 16);
}

function has(docker: Docker, image: string): Promise<boolean> {
  return succeeds("docker", ["image", "inspect", image], { variables: docker.variables });
}

async function build(host: ControlPlaneHost, docker: Docker, name: string): Promise<void> {
  if (process.getuid?.() !== 0)
    throw new Error(
      `${OFFICIAL_NODE_IMAGE} cannot be pulled, and only root can build a node image: run this as root, or name a cluster with --kubeconfig`,
    );
  for (const tool of ["mmdebstrap", "jq", "containerd", "ctr"])
    if (!(await succeeds("which", [tool])))
      throw new Error(
        `${tool} is not installed, which building a node image needs (Debian: apt-get install mmdebstrap jq containerd)`,
      );
  const work = join(cacheDirectory(host.environment), "cluster", `node-image-${process.pid}`);
  try {
    const folder = join(work, "programs");
    await mkdir(folder, { recursive: true });
    for (const program of programs)
      await copyFile(await clusterProgram(host, program), join(folder, program));
    await copyFile(await findBinary(host, "etcd"), join(folder, "etcd"));
    host.progress("building a node image, about two minutes, once");
    await run("bash", [script, folder, await kindFiles(host), name, work], {
      variables: {
        ...docker.variables,
        DEBIAN: versions.debian,
        ETCD_TAG,
        COREDNS_TAG: `v${versions.coredns}`,
        PAUSE_TAG: versions.pause,
      },
      timeoutMs: 3_600_000,
    });
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** The files of kind's base image, in the module that kind is built from. */
async function kindFiles(host: ControlPlaneHost): Promise<string> {
  const said = await run(await findGo(host), [
    "mod",
    "download",
    "-json",
    `sigs.k8s.io/kind@v${versions.kind}`,
  ]);
  const { Dir } = z.looseObject({ Dir: z.string() }).parse(JSON.parse(said));
  return join(Dir, "images", "base", "files");
}

async function save(docker: Docker, image: string, target: string): Promise<void> {
  const saving = spawn("docker", ["save", image], {
    env: { ...process.env, ...docker.variables },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const ended = new Promise<number>((resolve) => saving.once("exit", (code) => resolve(code ?? 1)));
  await pipeline(saving.stdout, createZstdCompress(), createWriteStream(target));
  if ((await ended) !== 0) throw new Error(`docker save of ${image} failed`);
}

async function load(host: ControlPlaneHost, docker: Docker, archive: string): Promise<void> {
  host.progress("loading the node image from the cache, about 30 seconds");
  const loading = spawn("docker", ["load", "--quiet"], {
    env: { ...process.env, ...docker.variables },
    stdio: ["pipe", "ignore", "inherit"],
  });
  const ended = new Promise<number>((resolve) => loading.once("exit", (code) => resolve(code ?? 1)));
  await pipeline(createReadStream(archive), createZstdDecompress(), loading.stdin);
  if ((await ended) !== 0)
    throw new Error(`docker load cannot read ${archive}: delete it and run this again`);
}
