import { mkdir, mkdtemp, readFile, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parse } from "yaml";
import { kubeObjectManifests } from "#cli/lab/manifests.ts";
import { deployTool, runTool, type ToolRun } from "#test/support/deploy-tools.ts";

let folder: string;

beforeAll(async () => {
  await deployTool("skaffold");
  folder = await mkdtemp(join(tmpdir(), "capfn-skaffold-"));
  await mkdir(join(folder, "bin"));
  await symlink(await deployTool("helm-3"), join(folder, "bin", "helm"));
});

afterAll(async () => {
  if (folder !== undefined) await rm(folder, { recursive: true, force: true });
});

function skaffold(...args: string[]): Promise<ToolRun> {
  return runTool("skaffold", args, {
    PATH: `${join(folder, "bin")}:${process.env["PATH"]}`,
    HOME: folder,
    SKAFFOLD_UPDATE_CHECK: "false",
    SKAFFOLD_INTERACTIVE: "false",
  });
}

describe("skaffold.yaml, to the real skaffold", () => {
  test.for(["in-process", "knative", "keda", "own-image", "keda,own-image", "dev"])(
    "with the profile %s is without fault",
    async (profile) => {
      const { code, stdout, stderr } = await skaffold("diagnose", "--yaml-only", "--profile", profile);
      expect(code, stderr).toBe(0);
      const config = parse(stdout) as { build: { artifacts: { image: string }[] } };
      expect(config.build.artifacts.map(({ image }) => image)).toEqual(["capfn"]);
    },
  );

  test("with a profile there is not, is refused", async () => {
    const { code, stderr } = await skaffold("diagnose", "--yaml-only", "--profile", "kneda");
    expect(code).not.toBe(0);
    expect(stderr).toContain("kneda");
  });

  test.for([
    ["in-process", "Deployment"],
    ["knative", "Service"],
    ["keda", "ScaledObject"],
  ] as const)(
    "with the profile %s gives the chart with the image that was built",
    async ([profile, kind]) => {
      const image = [
        "--images",
        "capfn=registry.example.com/capfn:1.2.3",
        "--digest-source=none",
        "--offline=true",
      ];
      const output = join(folder, `${profile}.yaml`);
      const { code, stderr } = await skaffold("render", "--profile", profile, "--output", output, ...image);
      expect(code, stderr).toBe(0);
      const text = await readFile(output, "utf8");
      expect(kubeObjectManifests(text).map((object) => object.kind)).toContain(kind);
      const images = new Set(text.match(/image: .*capfn.*/g));
      expect([...images]).toEqual(["image: registry.example.com/capfn:1.2.3"]);
    },
  );
});
