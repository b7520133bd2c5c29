import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { afterAll, beforeAll, expect, it } from "vitest";
import { chartPackage } from "#release/chart-package.ts";
import { clusterctlAssets } from "#release/clusterctl.ts";
import { checksums, provenance } from "#release/provenance.ts";
import manifest from "../../../package.json" with { type: "json" };

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "capfn-release-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const write = (path: string, text: string) => {
  mkdirSync(join(folder, path, ".."), { recursive: true });
  writeFileSync(join(folder, path), text);
};

it("a chart is packed in a folder of its name, without its tests, into the same bytes each time", () => {
  write("chart/Chart.yaml", "name: some\nversion: 1.2.3\n");
  write("chart/values.yaml", "runner: keda\n");
  write("chart/templates/hub.yaml", "{}\n");
  write("chart/tests/hub_test.yaml", "{}\n");
  const { file, content } = chartPackage(join(folder, "chart"), 7);
  expect(file).toBe("some-1.2.3.tgz");
  const listed = execFileSync("tar", ["-tf", "-"], { input: gunzipSync(content), encoding: "utf8" });
  expect(listed.trim().split("\n")).toEqual([
    "some/Chart.yaml",
    "some/templates/hub.yaml",
    "some/values.yaml",
  ]);
  expect(chartPackage(join(folder, "chart"), 7).content).toEqual(content);
  write("bad/Chart.yaml", "name: some\n");
  expect(() => chartPackage(join(folder, "bad"), 7)).toThrow(/bad\/Chart.yaml: .*version/s);
});

it("the files for clusterctl are those of the repository, with the image where it is pushed", () => {
  const folder = join(import.meta.dirname, "../../../manifests/clusterctl");
  const reference = `docker.io/library/${manifest.name}:${manifest.version}`;
  const files = clusterctlAssets(folder, { reference, repository: "registry.example.com/capfn" });
  const flavors = ["", "-dhcp", "-generateCPI", "-kubeadm", "-talos", "-stig"];
  expect(files.map(({ name }) => name)).toEqual(
    expect.arrayContaining([
      "infrastructure-components.yaml",
      "metadata.yaml",
      "clusterclass-harvester-rke2.yaml",
      ...flavors.map((flavor) => `cluster-template${flavor}.yaml`),
    ]),
  );
  const text = String(files.find(({ name }) => name === "infrastructure-components.yaml")?.content);
  expect(text).toContain(` image: registry.example.com/capfn:${manifest.version}\n`);
  expect(text).not.toContain(` image: ${reference}\n`);
  const another = { reference: "docker.io/library/capfn:9.9.9", repository: undefined };
  expect(() => clusterctlAssets(folder, another)).toThrow(
    /does not name the image docker.io\/library\/capfn:9\.9\.9/,
  );
});

it("checksums are such that sha256sum takes them", () => {
  write("sums/one", "1");
  write("sums/two", "2");
  write(
    "sums/SHA256SUMS",
    checksums([
      { name: "one", content: Buffer.from("1") },
      { name: "two", content: Buffer.from("2") },
    ]),
  );
  const check = () =>
    execFileSync("sha256sum", ["--check", "SHA256SUMS"], { cwd: join(folder, "sums"), stdio: "pipe" });
  expect(String(check())).toContain("two: OK");
  write("sums/two", "changed");
  expect(check).toThrow();
});

it("the provenance names every file, the commit, and whether files differed from it", () => {
  const source = { revision: "f00", changed: true, time: 5 };
  const files = [{ name: "one", content: Buffer.from("1") }];
  expect(provenance({ files, source, lockFile: Buffer.from("{}"), platform: "linux/amd64" })).toMatchObject({
    _type: "https://in-toto.io/Statement/v1",
    subject: [
      { name: "one", digest: { sha256: "6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b" } },
    ],
    predicateType: "https://slsa.dev/provenance/v1",
    predicate: {
      buildDefinition: {
        internalParameters: { uncommittedChanges: true, SOURCE_DATE_EPOCH: 5 },
        resolvedDependencies: [
          { digest: { gitCommit: "f00" } },
          { name: "package-lock.json" },
          { name: "node" },
        ],
      },
    },
  });
});
