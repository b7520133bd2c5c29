import { execFile } from "node:child_process";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { build } from "rolldown";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { programBundle } from "#image/bundles.ts";
import manifest from "../../../package.json" with { type: "json" };

const run = promisify(execFile);

describe("the bundle of npm run build", () => {
  let directory: string;
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), "capfn-bundle-"));
    await build(programBundle(join(directory, "dist")));
  }, 60_000);
  afterAll(() => rm(directory, { recursive: true, force: true }));

  it("runs where no dependency is installed", async () => {
    const { stdout } = await run(process.execPath, [join(directory, "dist", "capfn.mjs"), "--version"]);
    expect(stdout.trim()).toBe(manifest.version);
    const options = ["run", "--kubeconfig", "/no/such/file", "--metrics-bind-address=0"];
    const failed = run(process.execPath, [
      join(directory, "dist", "capfn.mjs"),
      ...options,
      "--health-probe-bind-address=0",
    ]);
    await expect(failed).rejects.toThrow("kubeconfig /no/such/file cannot be read");
  });

  it("holds no wide character, which would double the memory of its source", async () => {
    for (const name of await readdir(join(directory, "dist"))) {
      expect(await readFile(join(directory, "dist", name), "utf8")).not.toMatch(/[\u0080-\uffff]/);
    }
  });

  it("loads the SSH client when a step asks for it, and not before", async () => {
    const dist = join(directory, "dist");
    const texts = new Map(
      await Promise.all(
        (await readdir(dist)).map(async (name) => [name, await readFile(join(dist, name), "utf8")] as const),
      ),
    );
    const atStart = new Set(["capfn.mjs"]);
    for (const name of atStart) {
      const imports = texts.get(name)?.matchAll(/(?:from|import)\s*["']\.\/([^"']+)["']/g) ?? [];
      for (const [, imported = ""] of imports) atStart.add(imported);
    }
    const withSsh = [...texts].filter(([, text]) => text.includes("ssh-userauth")).map(([name]) => name);
    expect(withSsh).toHaveLength(1);
    expect(withSsh.filter((name) => atStart.has(name))).toEqual([]);
    const { stdout } = await run(process.execPath, [
      "--input-type=module",
      "--eval",
      `const { NodeSSH } = await import(${JSON.stringify(join(dist, withSsh[0] ?? ""))}); console.log(typeof NodeSSH)`,
    ]);
    expect(stdout.trim()).toBe("function");
  });

  it("is what npm start starts", () => {
    expect(manifest.scripts.start).toBe(
      "node --max-semi-space-size=1 --optimize-for-size dist/capfn.mjs run",
    );
  });
});
