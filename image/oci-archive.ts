import { createHash } from "node:crypto";
import { tar, type Member } from "#image/tar.ts";

/** The part of an image's configuration that says how it is run (OCI image specification, "Image Configuration"). */
export interface RunConfig {
  readonly User: string;
  readonly WorkingDir: string;
  readonly Env: readonly string[];
  readonly Entrypoint: readonly string[];
  readonly Labels: Readonly<Record<string, string>>;
}

export interface ImageParts {
  /** Lowest first. */
  readonly layers: readonly (readonly Member[])[];
  readonly config: RunConfig;
  /** `<name>:<tag>`. */
  readonly reference: string;
  /** In the words of Go: `amd64`, `arm64`. */
  readonly architecture: string;
  /** Of everything in it, seconds since the epoch. */
  readonly time: number;
}

export interface ImageArchive {
  readonly archive: Buffer;
  /** Digest of the manifest, `sha256:...`: what a registry would call the image. */
  readonly digest: string;
}

interface Blob {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
  readonly content: Buffer;
}

/**
 * An image in one tar file that is an OCI image layout and, for `docker load` of any age, a Docker archive at once: both name the same blobs. The
 * same parts give the same bytes.
 */
export function imageArchive({ layers, config, reference, architecture, time }: ImageParts): ImageArchive {
  const tars = layers.map((members) => blob("application/vnd.oci.image.layer.v1.tar", tar(members, time)));
  const created = new Date(time * 1000).toISOString();
  const configuration = json("application/vnd.oci.image.config.v1+json", {
    created,
    architecture,
    os: "linux",
    config,
    rootfs: { type: "layers", diff_ids: tars.map(({ digest }) => digest) },
    history: tars.map(() => ({ created, created_by: "npm run image" })),
  });
  const manifestType = "application/vnd.oci.image.manifest.v1+json";
  const manifest = json(manifestType, {
    schemaVersion: 2,
    mediaType: manifestType,
    config: descriptor(configuration),
    layers: tars.map(descriptor),
  });
  const index = {
    schemaVersion: 2,
    mediaType: "application/vnd.oci.image.index.v1+json",
    manifests: [
      {
        ...descriptor(manifest),
        platform: { architecture, os: "linux" },
        annotations: {
          "io.containerd.image.name": `docker.io/library/${reference}`,
          "org.opencontainers.image.ref.name": reference.slice(reference.indexOf(":") + 1),
        },
      },
    ],
  };
  const docker = [{ Config: pathOf(configuration), RepoTags: [reference], Layers: tars.map(pathOf) }];
  const blobs = [...tars, configuration, manifest].map((it) => file(pathOf(it), it.content));
  const archive = tar(
    [
      directory("blobs"),
      directory("blobs/sha256"),
      ...blobs,
      file("index.json", text(index)),
      file("manifest.json", text(docker)),
      file("oci-layout", text({ imageLayoutVersion: "1.0.0" })),
    ],
    time,
  );
  return { archive, digest: manifest.digest };
}

function blob(mediaType: string, content: Buffer): Blob {
  const digest = `sha256:${createHash("sha256").update(content).digest("hex")}`;
  return { mediaType, digest, size: content.length, content };
}

function json(mediaType: string, value: unknown): Blob {
  return blob(mediaType, text(value));
}

function text(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value));
}

function descriptor({ mediaType, digest, size }: Blob) {
  return { mediaType, digest, size };
}

function pathOf({ digest }: Blob): string {
  return `blobs/${digest.replace(":", "/")}`;
}

function file(path: string, content: Uint8Array): Member {
  return { type: "file", path, content, uid: 0, mode: 0o644 };
}

function directory(path: string): Member {
  return { type: "directory", path, uid: 0, mode: 0o755 };
}
