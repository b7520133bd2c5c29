import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parseAllDocuments } from "yaml";
import { renderKubeconfig } from "#platform/control-plane/kubeconfig.ts";
import { flagOf } from "#cli/cluster-yaml/flags.ts";
import { capfn } from "#test/support/command-line.ts";
import { neededAnswers } from "#test/support/cluster-answers.ts";

describe("capfn generate", { timeout: 60_000 }, () => {
  let folder: string;
  let kubeconfig: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "capfn-generate-"));
    kubeconfig = join(folder, "identity.yaml");
    const server = "https://harvester.example.com:6443";
    const insecure = renderKubeconfig({ name: "h", server, caPem: "", user: "capfn", token: "hush" });
    await writeFile(
      kubeconfig,
      insecure.replace(/^.*certificate-authority-data.*$/m, "    insecure-skip-tls-verify: true"),
    );
    await writeFile(join(folder, "broken.yaml"), "contexts: []\nusers: [{name: x, user: {token: hush}}]\n");
  });
  afterAll(() => rm(folder, { recursive: true }));

  const flags = (more: Record<string, string | undefined> = {}) =>
    Object.entries({ ...neededAnswers, harvesterKubeconfig: kubeconfig, ...more }).flatMap(([key, value]) =>
      value === undefined ? [] : [flagOf(key), value],
    );

  it("prints the documents and nothing else when it is not told to apply them [check 127] [check 128]", async () => {
    const { code, stdout, stderr } = await capfn("generate", ...flags());
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    const documents = parseAllDocuments(stdout);
    expect(documents.flatMap(({ errors }) => errors)).toEqual([]);
    expect(documents).toHaveLength(18);
    expect((await capfn("generate", ...flags(), "--dry-run")).stdout).toBe(stdout);
  });

  it("fails without flags and names each that is missing [check 122]", async () => {
    const { code, stdout, stderr } = await capfn("generate");
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    for (const key of Object.keys(neededAnswers)) expect(stderr).toContain(`  ${flagOf(key)} is missing`);
  });

  it("fails when the kubeconfig cannot be used, without a word of its content, beside all else", async () => {
    const { code, stderr } = await capfn(
      "generate",
      ...flags({ harvesterKubeconfig: join(folder, "broken.yaml"), cpu: "0" }),
    );
    expect(code).toBe(1);
    expect(stderr).toContain("--cpu is");
    expect(stderr).toContain("current-context");
    expect(stderr).not.toContain("hush");
    const absent = await capfn("generate", ...flags({ harvesterKubeconfig: join(folder, "absent.yaml") }));
    expect(absent.stderr).toContain("cannot be read; give the path of a file");
  });

  it("asks nothing when there is nobody to answer [check 129]", async () => {
    const { code, stderr } = await capfn("generate", "--interactive");
    expect(code).toBe(1);
    expect(stderr).toContain(
      "--interactive asks on a terminal, and standard input is none; give the flags instead",
    );
  });

  it("does not print and apply at once", async () => {
    const { code, stderr } = await capfn("generate", ...flags(), "--apply", "--dry-run");
    expect(code).toBe(1);
    expect(stderr).toContain("cannot be used with");
  });
});
