import { createHash } from "node:crypto";
import type { Source } from "#image/source.ts";

/** One released file. */
export interface Released {
  readonly name: string;
  readonly content: Uint8Array;
}

export interface ProvenanceParts {
  readonly files: readonly Released[];
  readonly source: Source;
  /** Content of package-lock.json: every dependency with its digest. */
  readonly lockFile: Uint8Array;
  /** `<os>/<architecture>` the image was made on. */
  readonly platform: string;
}

/**
 * How the files were made, as an in-toto statement with SLSA provenance v1. It is not signed: whoever publishes signs it, with the SHA256SUMS, by a key
 * of theirs.
 */
export function provenance({ files, source, lockFile, platform }: ProvenanceParts): object {
  const revision = source.revision ?? "unknown";
  return {
    _type: "https://in-toto.io/Statement/v1",
    subject: files.map(({ name, content }) => ({ name, digest: { sha256: sha256(content) } })),
    predicateType: "https://slsa.dev/provenance/v1",
    predicate: {
      buildDefinition: {
        buildType: "https://capfn.dev/release/v1",
        externalParameters: { command: "npm ci && npm run release", platform },
        internalParameters: { SOURCE_DATE_EPOCH: source.time, uncommittedChanges: source.changed },
        resolvedDependencies: [
          { name: "source", digest: { gitCommit: revision } },
          { name: "package-lock.json", digest: { sha256: sha256(lockFile) } },
          { name: "node", annotations: { version: process.version } },
        ],
      },
      runDetails: {
        builder: { id: "https://capfn.dev/release/npm-run-release", version: { node: process.version } },
        metadata: { invocationId: `${revision}/${platform}` },
      },
    },
  };
}

/** Lines as `sha256sum --check` reads them. */
export function checksums(files: readonly Released[]): string {
  return files.map(({ name, content }) => `${sha256(content)}  ${name}\n`).join("");
}

function sha256(content: Uint8Array): string {
  return createHash("sha256").update(content).digest("hex");
}
