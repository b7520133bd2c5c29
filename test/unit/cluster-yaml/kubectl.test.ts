import { chmod, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { runKubectl } from "#cli/cluster-yaml/kubectl.ts";

describe("kubectl", { timeout: 30_000 }, () => {
  let folder: string;
  const program = async (body: string): Promise<string> => {
    const path = join(folder, "kubectl");
    await writeFile(path, `#!/bin/sh\n${body}\n`);
    await chmod(path, 0o755);
    return path;
  };

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "capfn-kubectl-"));
  });
  afterAll(() => rm(folder, { recursive: true }));

  it("gets the documents on its standard input, and is told the cluster that was chosen [check 128]", async () => {
    const path = await program(`echo "$@" > ${folder}/args; cat > ${folder}/input; echo applied`);
    const choice = { kubeconfig: "m.yaml", context: "admin" };
    const input = "kind: Cluster\n".repeat(20_000);
    expect(await runKubectl(path, ["apply", "-f", "-"], { choice, input })).toEqual({
      code: 0,
      stdout: "applied\n",
      stderr: "",
    });
    expect(await readFile(join(folder, "args"), "utf8")).toBe(
      "--kubeconfig m.yaml --context admin apply -f -\n",
    );
    expect(await readFile(join(folder, "input"), "utf8")).toBe(input);
  });

  it("that fails without reading says why", async () => {
    const path = await program("echo no such context >&2; exit 3");
    const input = "kind: Cluster\n".repeat(200_000);
    expect(await runKubectl(path, [], { choice: {}, input })).toEqual({
      code: 3,
      stdout: "",
      stderr: "no such context\n",
    });
  });

  it("may be absent", async () => {
    expect(await runKubectl(join(folder, "absent"), [], { choice: {} })).toBeUndefined();
  });
});
