import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build, type OutputChunk } from "rolldown";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { allFunctions } from "#cli/functions.ts";
import { functionBundle, programBundle } from "#image/bundles.ts";
import { declaredFunctions } from "#image/function-entries.ts";
import { makeImage } from "#image/make-image.ts";
import { softwareBill } from "#image/sbom.ts";
import { freePort } from "#platform/control-plane/free-ports.ts";
import { startStepApi, stepEvents } from "#test/bench/step-events.ts";
import manifest from "../../package.json" with { type: "json" };

const root = join(import.meta.dirname, "..", "..");
const source = { revision: "0".repeat(40), changed: false, time: 1_700_000_000 };
const bundles = new Map<string, OutputChunk>();
let folder = "";

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "capfn-image-test-"));
  const dist = join(folder, "dist");
  await build(programBundle(dist));
  for (const fn of await declaredFunctions()) {
    const { output } = await build(functionBundle(fn, join(dist, "functions")));
    expect(output, `${fn.name} is one file`).toHaveLength(1);
    bundles.set(fn.name, output[0]);
  }
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Functions in whose bundle some module's path matches. */
function holding(path: RegExp): string[] {
  return [...bundles]
    .filter(([, { moduleIds }]) => moduleIds.some((id) => path.test(id)))
    .map(([name]) => name);
}

describe("the bundle of a function", () => {
  it("is there for every function, by itself", () => {
    expect([...bundles.keys()].toSorted()).toEqual(allFunctions.map(({ name }) => name).toSorted());
    const builtIn = /^(node:)?[a-z_]+(\/[a-z]+)?$/;
    // What is imported late lies in the same file.
    for (const { fileName, imports, dynamicImports } of bundles.values())
      expect(
        [...imports, ...dynamicImports].filter((name) => name !== fileName && !builtIn.test(name)),
      ).toEqual([]);
  });

  it("holds no other function, no hub, and no client that costs a start hundreds of milliseconds", async () => {
    const folders = new Map((await declaredFunctions()).map(({ name, path }) => [name, join(path, "..")]));
    for (const [name, { moduleIds }] of bundles) {
      const foreign = moduleIds.filter((id) =>
        [...folders.values()].some((other) => other !== folders.get(name) && id.startsWith(`${other}/`)),
      );
      expect(foreign, name).toEqual([]);
    }
    expect(holding(/@kubernetes\/client-node/)).toEqual([]);
    expect(holding(/\/events\/hub\/hub\.ts$|\/platform\/(simulator|control-plane)\//)).toEqual([]);
  });

  it("holds the SSH client and the object store's only where they are used", () => {
    expect(holding(/\/node_modules\/(node-ssh|ssh2)\//).toSorted()).toEqual([
      "etcd-relieve",
      "etcd-remove",
      "etcd-snapshot",
      "machine-diagnose",
      "node-cert-reissue",
    ]);
    expect(holding(/\/node_modules\/@aws-sdk\//)).toEqual(["etcd-snapshot"]);
  });

  it("is at most 1 MB, but for those with a large client", () => {
    const large = new Set(holding(/\/node_modules\/(ssh2|@aws-sdk|@peculiar)\//));
    for (const [name, { code }] of bundles)
      if (!large.has(name)) expect(code.length, name).toBeLessThan(1_000_000);
  });

  it("fails in one sentence without a management cluster", async () => {
    const path = join(folder, "dist", "functions", "vm-create.mjs");
    const failed = spawn(process.execPath, [path], { env: {}, stdio: ["ignore", "ignore", "pipe"] });
    let said = "";
    failed.stderr.on("data", (chunk: Buffer) => (said += chunk.toString()));
    expect(await once(failed, "close")).toEqual([1, null]);
    expect(said).toBe("error: this is no pod, so say where the management cluster is: --kubeconfig <path>\n");
  });
});

describe("the image", () => {
  let tree: string;
  let digest: string;
  beforeAll(async () => {
    const image = await makeImage({ root, dist: join(folder, "dist"), source, reference: "capfn:test" });
    digest = image.digest;
    const unpacked = join(folder, "archive");
    tree = join(folder, "tree");
    mkdirSync(unpacked);
    mkdirSync(tree);
    execFileSync("tar", ["-xf", "-", "-C", unpacked], { input: image.archive });
    const [{ Layers }] = JSON.parse(readFileSync(join(unpacked, "manifest.json"), "utf8"));
    for (const layer of Layers) execFileSync("tar", ["-xpf", join(unpacked, layer), "-C", tree]);
  }, 600_000);

  it("has the same digest when it is made again", async () => {
    const again = await makeImage({ root, dist: join(folder, "dist"), source, reference: "capfn:test" });
    expect(again.digest).toBe(digest);
  }, 600_000);

  it("has its bill of materials in it", () => {
    expect(readFileSync(join(tree, "app", "sbom.cdx.json"), "utf8")).toBe(softwareBill(root, source.time));
  });

  it("is written by nobody", () => {
    const writable = execFileSync("find", [tree, "-mindepth", "1", "-perm", "/022", "!", "-type", "l"]);
    expect(String(writable).trim()).toBe(join(tree, "tmp"));
  });

  // As the user of the image, which takes root to become.
  describe.skipIf(process.getuid?.() !== 0)("run as its user, which takes root to become", () => {
    const node = (args: readonly string[], env: Record<string, string> = {}) =>
      spawn("chroot", ["--userspec=65532:65532", tree, "/usr/local/bin/node", ...args], {
        env: {
          PATH: "/usr/sbin:/usr/bin:/sbin:/bin",
          NODE_COMPILE_CACHE: "/app/.compile-cache",
          NODE_COMPILE_CACHE_PORTABLE: "1",
          ...env,
        },
        stdio: ["ignore", "pipe", "pipe"],
      });

    it("is capfn", async () => {
      const version = node(["/app/capfn.mjs", "--version"]);
      let said = "";
      version.stdout.on("data", (chunk: Buffer) => (said += chunk.toString()));
      expect(await once(version, "close")).toEqual([0, null]);
      expect(said.trim()).toBe(manifest.version);
    });

    it("serves every function out of its compile cache", { timeout: 600_000 }, async () => {
      const api = await startStepApi();
      onTestFinished(() => api.close());
      writeFileSync(join(tree, "tmp", "kubeconfig"), api.kubeconfig);
      for (const { function: name, headers, body } of await stepEvents()) {
        const port = await freePort();
        const flags = ["--kubeconfig", "/tmp/kubeconfig", "--bind-address", `127.0.0.1:${port}`];
        const served = node([`/app/functions/${name}.mjs`, ...flags], { NODE_DEBUG_NATIVE: "COMPILE_CACHE" });
        let said = "";
        for (const stream of [served.stdout, served.stderr])
          stream.on("data", (chunk: Buffer) => (said += chunk.toString()));
        const closed = once(served, "close");
        await expect.poll(() => said, { timeout: 60_000 }).toContain("functions are served");
        const answer = await fetch(`http://127.0.0.1:${port}/${name}`, { method: "POST", headers, body });
        expect(answer.status, name).toBe(200);
        served.kill("SIGTERM");
        expect(await closed, said).toEqual([0, null]);
        expect(said).toContain(`/app/functions/${name}.mjs was accepted`);
      }
    });
  });

  it("weighs little more than Node itself", () => {
    expect(statSync(join(tree, "usr", "local", "bin", "node")).size).toBeGreaterThan(100_000_000);
    const kilobytes = Number(String(execFileSync("du", ["-sk", join(tree, "app")])).split("\t")[0]);
    expect(kilobytes).toBeLessThan(80_000);
  });
});
