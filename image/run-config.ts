import manifest from "../package.json" with { type: "json" };
import type { RunConfig } from "#image/oci-archive.ts";

/** User and group the image runs as; a number, so that `runAsNonRoot` can be proved of it. */
export const RUNTIME_UID = 65_532;

/** Where the program is in the image. */
export const APP = "app";
export const COMPILE_CACHE = `${APP}/.compile-cache`;

/** How the image is run, but for what differs from build to build. */
export function runConfig(revision: string | undefined): RunConfig {
  return {
    User: `${RUNTIME_UID}:${RUNTIME_UID}`,
    WorkingDir: `/${APP}`,
    Env: [
      "PATH=/usr/local/bin:/usr/bin:/bin",
      `NODE_COMPILE_CACHE=/${COMPILE_CACHE}`,
      "NODE_COMPILE_CACHE_PORTABLE=1",
    ],
    Entrypoint: ["node", `/${APP}/capfn.mjs`],
    Labels: {
      "org.opencontainers.image.title": manifest.name,
      "org.opencontainers.image.description": manifest.description,
      "org.opencontainers.image.version": manifest.version,
      "org.opencontainers.image.licenses": manifest.license,
      ...(revision !== undefined && { "org.opencontainers.image.revision": revision }),
    },
  };
}
