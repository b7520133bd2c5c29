import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { imageArchive } from "#image/oci-archive.ts";
import { runConfig } from "#image/run-config.ts";
import { tar, type Member } from "#image/tar.ts";

const folder = mkdtempSync(join(tmpdir(), "capfn-archive-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const deep = `${"a-folder-with-a-long-name/".repeat(5)}file`;
const members: readonly Member[] = [
  { type: "file", path: "b", content: Buffer.from("text"), uid: 65_532, mode: 0o644 },
  { type: "directory", path: "a", uid: 0, mode: 0o755 },
  { type: "link", path: "a/link", target: "../b", uid: 0, mode: 0o777 },
  { type: "file", path: deep, content: Buffer.alloc(700, "x"), uid: 0, mode: 0o755 },
];

describe("a tar archive", () => {
  it("is read by tar, with owners, modes, links and long names, all of one time", () => {
    const path = join(folder, "some.tar");
    writeFileSync(path, tar(members, 86_400));
    const listed = execFileSync("tar", ["--utc", "--numeric-owner", "-tvf", path], { encoding: "utf8" });
    expect(
      listed
        .trim()
        .split("\n")
        .map((line) => line.replaceAll(/ +/g, " ")),
    ).toEqual([
      "drwxr-xr-x 0/0 0 1970-01-02 00:00 a/",
      `-rwxr-xr-x 0/0 700 1970-01-02 00:00 ${deep}`,
      "lrwxrwxrwx 0/0 0 1970-01-02 00:00 a/link -> ../b",
      "-rw-r--r-- 65532/65532 4 1970-01-02 00:00 b",
    ]);
  });

  it("is the same whatever the order of its members", () => {
    expect(tar(members.toReversed(), 1)).toEqual(tar(members, 1));
  });

  it("refuses a name it cannot hold", () => {
    const path = "x".repeat(101);
    expect(() => tar([{ type: "directory", path, uid: 0, mode: 0o755 }], 0)).toThrow("is too long");
  });
});

describe("an image archive", () => {
  const parts = {
    layers: [members],
    config: runConfig("abc"),
    reference: "capfn:1",
    architecture: "amd64",
    time: 1,
  };
  const { archive, digest } = imageArchive(parts);
  const unpacked = join(folder, "image");
  mkdirSync(unpacked);
  execFileSync("tar", ["-xf", "-", "-C", unpacked], { input: archive });
  const read = (path: string) => readFileSync(join(unpacked, path));
  const json = (path: string) => JSON.parse(read(path).toString());

  it("names every blob by its digest", () => {
    const [{ digest: manifest }] = json("index.json").manifests;
    expect(manifest).toBe(digest);
    const { config, layers } = json(`blobs/${manifest.replace(":", "/")}`);
    for (const { digest: named, size } of [config, ...layers]) {
      const content = read(`blobs/${named.replace(":", "/")}`);
      expect(`sha256:${createHash("sha256").update(content).digest("hex")}`).toBe(named);
      expect(content).toHaveLength(size);
    }
    expect(json(`blobs/${config.digest.replace(":", "/")}`)).toMatchObject({
      architecture: "amd64",
      os: "linux",
      config: { User: "65532:65532", WorkingDir: "/app", Entrypoint: ["node", "/app/capfn.mjs"] },
      rootfs: { diff_ids: layers.map((layer: { digest: string }) => layer.digest) },
    });
  });

  it("is an OCI layout and a Docker archive of the same blobs", () => {
    const [docker] = json("manifest.json");
    const { config, layers } = json(`blobs/${digest.replace(":", "/")}`);
    expect(docker).toEqual({
      Config: `blobs/${config.digest.replace(":", "/")}`,
      RepoTags: ["capfn:1"],
      Layers: layers.map((layer: { digest: string }) => `blobs/${layer.digest.replace(":", "/")}`),
    });
    expect(json("oci-layout")).toEqual({ imageLayoutVersion: "1.0.0" });
  });

  it("has another digest when a file, the user or the revision is another", () => {
    const others = [
      imageArchive({ ...parts, layers: [members.slice(1)] }),
      imageArchive({ ...parts, config: runConfig("abd") }),
      imageArchive({ ...parts, config: { ...parts.config, User: "0:0" } }),
    ];
    expect(new Set([digest, ...others.map((other) => other.digest)]).size).toBe(4);
    expect(imageArchive(parts).digest).toBe(digest);
  });
});
