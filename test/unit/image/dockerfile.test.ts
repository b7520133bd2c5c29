import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { runConfig } from "#image/run-config.ts";

const root = join(import.meta.dirname, "..", "..", "..");
const lines = readFileSync(join(root, "image", "Dockerfile"), "utf8").split("\n");
const last = lines.slice(lines.lastIndexOf("FROM scratch"));
const said = (word: string) =>
  last.filter((line) => line.startsWith(`${word} `)).map((line) => line.slice(word.length + 1));

it("image/Dockerfile runs the image as npm run image does", () => {
  const { User, WorkingDir, Env, Entrypoint, Labels } = runConfig("${REVISION}");
  expect({
    User: said("USER"),
    WorkingDir: said("WORKDIR"),
    Env: said("ENV"),
    Entrypoint: said("ENTRYPOINT").map((text) => JSON.parse(text) as unknown),
    Labels: said("LABEL"),
  }).toEqual({
    User: [User],
    WorkingDir: [WorkingDir],
    Env,
    Entrypoint: [Entrypoint],
    Labels: Object.entries(Labels).map(([name, value]) => `${name}="${value}"`),
  });
});

it("the build in a container is handed what the build reads", () => {
  const kept = readFileSync(join(root, ".dockerignore"), "utf8")
    .split("\n")
    .filter((line) => line.startsWith("!"));
  expect(kept).toEqual(
    expect.arrayContaining([
      "!api",
      "!cli",
      "!events",
      "!functions",
      "!image",
      "!platform",
      "!package-lock.json",
    ]),
  );
});
