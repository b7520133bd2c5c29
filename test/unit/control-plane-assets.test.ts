import { createHash } from "node:crypto";
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { cached, cacheDirectory } from "#platform/control-plane/asset-cache.ts";
import { findBinary } from "#platform/control-plane/assets.ts";
import { goArchitecture } from "#platform/control-plane/envtest-download.ts";
import { modulePath } from "#platform/control-plane/go-build.ts";
import { GO_VERSION } from "#platform/control-plane/go-toolchain.ts";
import type { ControlPlaneHost } from "#platform/control-plane/host.ts";
import { systemClock } from "#platform/process/clock.ts";

let root: string;
let variables: Record<string, string>;
let lines: string[];
let host: ControlPlaneHost;
let servers: Server[];

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "capfn-assets-test-"));
  lines = [];
  servers = [];
  // Nothing can be had: no Go, no proxy, and nobody listens on port 1.
  variables = {
    XDG_CACHE_HOME: join(root, "cache"),
    HOME: join(root, "home"),
    PATH: "",
    GOPROXY: "off",
    CAPFN_ENVTEST_INDEX: "http://127.0.0.1:1/index.yaml",
  };
  host = {
    environment: { get: (name) => variables[name] },
    clock: systemClock(),
    progress: (line) => void lines.push(line),
  };
});

afterEach(async () => {
  for (const server of servers) server.close();
  await rm(root, { recursive: true, force: true });
});

async function program(path: string, script: string): Promise<string> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, `#!/bin/sh\n${script}\n`);
  await chmod(path, 0o755);
  return path;
}

/** A `go` that says its version and "builds" whatever it is asked for. */
async function fakeGo(version: string): Promise<void> {
  const script = `
if [ "$1" = env ]; then echo go${version}; exit; fi
while [ $# -gt 0 ]; do [ "$1" = -o ] && out=$2; shift; done
echo "built by a fake" > "$out"; echo run >> ${join(root, "builds")}; pwd >> ${join(root, "builds")}`;
  await program(join(root, "go-bin", "go"), script);
  variables["PATH"] = `${join(root, "go-bin")}:/bin:/usr/bin`;
}

/** A release index and an archive with two programs, as controller-tools publishes them. */
async function envtestServer(options: { wrongHash?: boolean } = {}): Promise<void> {
  const archive = gzipSync(
    Buffer.concat([
      tarEntry("controller-tools/envtest/etcd", "etcd of envtest"),
      tarEntry("controller-tools/envtest/kube-apiserver", "kube-apiserver of envtest"),
      Buffer.alloc(1024),
    ]),
  );
  const hash = createHash("sha512").update(archive).digest("hex");
  const server = createServer((request, response) => {
    if (request.url === "/archive") return response.end(archive);
    const entry = (release: string): string =>
      `  ${release}:\n    envtest-${release}-${goArchitecture()}.tar.gz:\n      hash: ${
        options.wrongHash === true ? "0".repeat(128) : hash
      }\n      selfLink: http://${request.headers.host}/${release === "v1.35.11" ? "archive" : "older"}\n`;
    return response.end(`releases:\n${entry("v1.35.9")}${entry("v1.35.11")}${entry("v1.36.0")}`);
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  variables["CAPFN_ENVTEST_INDEX"] = `http://127.0.0.1:${address.port}/index.yaml`;
}

function tarEntry(name: string, content: string): Buffer {
  const header = Buffer.alloc(512);
  header.write(name, 0);
  header.write(content.length.toString(8).padStart(11, "0"), 124);
  header.write("0", 156);
  header.write("ustar", 257);
  const body = Buffer.alloc(Math.ceil(content.length / 512) * 512);
  body.write(content);
  return Buffer.concat([header, body]);
}

describe("findBinary", () => {
  test("takes a program from KUBEBUILDER_ASSETS before anything else", async () => {
    await fakeGo(GO_VERSION);
    await findBinary(host, "etcd");
    variables["KUBEBUILDER_ASSETS"] = join(root, "assets");
    const wanted = await program(join(root, "assets", "etcd"), "exit");
    expect(await findBinary(host, "etcd")).toBe(wanted);
  });

  test("goes on when KUBEBUILDER_ASSETS holds other programs only", async () => {
    await fakeGo(GO_VERSION);
    variables["KUBEBUILDER_ASSETS"] = dirname(await program(join(root, "assets", "etcd"), "exit"));
    expect(await findBinary(host, "kube-controller-manager")).toContain(cacheDirectory(host.environment));
  });

  test("downloads the newest envtest release of its Kubernetes version before it builds", async () => {
    await envtestServer();
    await fakeGo(GO_VERSION);
    const path = await findBinary(host, "kube-apiserver");
    expect(await readFile(path, "utf8")).toBe("kube-apiserver of envtest");
    expect((await stat(path)).mode & 0o111).not.toBe(0);
    expect(lines.join()).toContain("envtest-v1.35.11-");
  });

  test("does not download twice", async () => {
    await envtestServer();
    const first = await findBinary(host, "etcd");
    for (const server of servers) server.close();
    expect(await findBinary(host, "etcd")).toBe(first);
    expect(lines).toHaveLength(1);
  });

  test("does not use a download whose digest is not the one in the index", async () => {
    await envtestServer({ wrongHash: true });
    await expect(findBinary(host, "etcd")).rejects.toThrow(/SHA-512/);
    expect(await leftFiles()).toEqual([]);
  });

  test("builds from the pinned Go module when there is no download, once, and keeps the result", async () => {
    await fakeGo(GO_VERSION);
    const path = await findBinary(host, "etcd");
    expect(await readFile(path, "utf8")).toBe("built by a fake\n");
    expect(await findBinary(host, "etcd")).toBe(path);
    expect(await readFile(join(root, "builds"), "utf8")).toBe(`run\n${modulePath("etcd")}\n`);
    expect(lines).toEqual(["building etcd from Go modules, about a minute, once"]);
  });

  test("two callers at once build once", async () => {
    await fakeGo(GO_VERSION);
    const [first, second] = await Promise.all([findBinary(host, "etcd"), findBinary(host, "etcd")]);
    expect(first).toBe(second);
    expect((await readFile(join(root, "builds"), "utf8")).match(/run/g)).toHaveLength(1);
  });

  test("says in one sentence what is missing and what to do", async () => {
    await expect(findBinary(host, "kube-apiserver")).rejects.toThrow(
      new RegExp(
        "^kube-apiserver cannot be had: KUBEBUILDER_ASSETS is not set; the envtest download failed .*; " +
          `Go is not installed and Go ${GO_VERSION} cannot be fetched .*GOPROXY.*. ` +
          "Set KUBEBUILDER_ASSETS to a directory that holds kube-apiserver, or install Go .*$",
      ),
    );
  });

  test("says which Go is too old", async () => {
    await fakeGo("1.21.3");
    await expect(findBinary(host, "etcd")).rejects.toThrow(/Go 1\.21\.3 is too old/);
  });

  test("shows the end of the compiler's output when a build fails and leaves nothing", async () => {
    await fakeGo(GO_VERSION);
    await program(
      join(root, "go-bin", "go"),
      `[ "$1" = env ] && echo go${GO_VERSION} && exit; echo "cannot find module" >&2; exit 3`,
    );
    await expect(findBinary(host, "etcd")).rejects.toThrow(/code 3:\ncannot find module/);
    expect(await leftFiles()).toEqual([]);
  });

  test("every pinned module asks for the Go version that is fetched", async () => {
    for (const module of ["etcd", "control-plane", "capi", "kubevirt-crds"]) {
      const goMod = await readFile(join(modulePath(module), "go.mod"), "utf8");
      expect(/^go (\S+)$/m.exec(goMod)?.[1], module).toBe(GO_VERSION);
    }
  });
});

describe("cached", () => {
  test("breaks the lock of a process that no longer runs", async () => {
    const path = join(cacheDirectory(host.environment), "thing");
    await mkdir(dirname(path), { recursive: true });
    // Process ids end far below this on every system that is supported.
    await writeFile(`${path}.lock`, "2147483646");
    const made = await cached(host, "thing", (target) => writeFile(target, "made"));
    expect(await readFile(made, "utf8")).toBe("made");
    expect(await leftFiles()).toEqual(["thing"]);
  });

  test("waits for a process that is making the same thing and says so", async () => {
    const path = join(cacheDirectory(host.environment), "thing");
    await mkdir(dirname(path), { recursive: true });
    await writeFile(`${path}.lock`, String(process.pid));
    const waiting = cached(host, "thing", () => Promise.reject(new Error("made twice")));
    await expect.poll(() => lines).toEqual([`waiting for process ${process.pid}, which is making thing`]);
    await writeFile(path, "by the other");
    await rm(`${path}.lock`);
    expect(await readFile(await waiting, "utf8")).toBe("by the other");
  });

  test("leaves neither a half-made file nor a lock when making fails", async () => {
    const failing = cached(host, "thing", async (target) => {
      await writeFile(target, "half");
      throw new Error("disk full");
    });
    await expect(failing).rejects.toThrow("disk full");
    expect(await leftFiles()).toEqual([]);
  });

  test("needs to know where the cache is", () => {
    variables = {};
    expect(() => cacheDirectory(host.environment)).toThrow(/HOME and XDG_CACHE_HOME are not set; set one/);
  });
});

async function leftFiles(): Promise<string[]> {
  const entries = await readdir(cacheDirectory(host.environment), { recursive: true, withFileTypes: true });
  return entries.filter((entry) => !entry.isDirectory()).map((entry) => entry.name);
}
