import { gunzipSync, gzipSync } from "node:zlib";
import { additionalConfigs, type Additions } from "#functions/harvester/vm-create/cloud-init/additions.ts";
import { formatOf } from "#functions/harvester/vm-create/cloud-init/format.ts";
import {
  cloudConfig,
  mergeCloudConfigs,
  readCloudConfig,
  writeCloudConfig,
  type CloudConfig,
} from "#functions/harvester/vm-create/cloud-init/merge.ts";
import { multipart, type MimePart } from "#functions/harvester/vm-create/cloud-init/mime.ts";

/** Bootstrap data as the bootstrap provider wrote it (contract of Cluster API, bootstrap data Secret). */
export interface BootstrapData {
  readonly value: Uint8Array;
  /** `cloud-config` or `ignition`; absent counts as cloud-config, but the content decides. */
  readonly format?: string | undefined;
}

/** The problem names a place in the data, never the data. */
export type UserData = { readonly userData: Uint8Array } | { readonly problem: string };

/** A Secret holds no more than 1 MiB; what is larger than this when unpacked would not get there unpacked. */
const LARGEST_UNPACKED = 16 * 1024 * 1024;

/**
 * The user data of a machine: its bootstrap data and what we add. cloud-config is merged with ours into one document. Other formats of
 * cloud-init, and templates, stay byte for byte as they are and become one part of a MIME message, ours the other. What is not for
 * cloud-init is delivered alone.
 */
export function userDataOf(bootstrap: BootstrapData, additions: Additions): UserData {
  const { value, format } = bootstrap;
  if (format === "ignition") return { userData: value };
  if (!isGzip(value)) return compose(value, additions);
  const unpacked = unpack(value);
  if (unpacked === undefined) return { problem: "it begins like gzip but cannot be unpacked" };
  const composed = compose(unpacked, additions);
  if ("problem" in composed) return composed;
  return { userData: composed.userData === unpacked ? value : gzipSync(composed.userData) };
}

/** Returns the very array it was given when nothing is added. */
function compose(value: Uint8Array, additions: Additions): UserData {
  const text = new TextDecoder().decode(value);
  const format = formatOf(text);
  switch (format.kind) {
    case "malformed":
      return { problem: format.problem };
    case "foreign":
      return { userData: value };
    case "mime":
      return message({ entity: text }, additions);
    case "part":
      return message({ contentType: format.contentType, fileName: "bootstrap", content: value }, additions);
    case "cloudConfig": {
      const read = readCloudConfig(text);
      if ("problem" in read) return read;
      const merged = mergeCloudConfigs([...ours(additions), read.config]);
      if ("problem" in merged) return merged;
      const header = format.template ? "## template: jinja\n" : "";
      return { userData: bytes(`${header}${writeCloudConfig(merged.config)}`) };
    }
  }
}

/**
 * Our part comes last and says how it is to be merged ("Merging user-data sections" of cloud-init's documentation): lists in front of what
 * the others gave, nothing of theirs replaced. So it neither changes how their parts are merged nor runs after their commands.
 */
function message(bootstrap: MimePart, additions: Additions): UserData {
  const merged = mergeCloudConfigs(ours(additions));
  if ("problem" in merged) return merged;
  const own: MimePart = {
    contentType: "text/cloud-config",
    fileName: "capfn",
    headers: { "Merge-Type": "list(prepend)+dict(no_replace,recurse_list)+str()" },
    content: bytes(writeCloudConfig(merged.config)),
  };
  return { userData: bytes(multipart([bootstrap, own])) };
}

function ours(additions: Additions): readonly CloudConfig[] {
  return additionalConfigs(additions).map((config) => cloudConfig(config));
}

function isGzip(value: Uint8Array): boolean {
  return value[0] === 0x1f && value[1] === 0x8b;
}

function unpack(value: Uint8Array): Uint8Array | undefined {
  try {
    return gunzipSync(value, { maxOutputLength: LARGEST_UNPACKED });
  } catch {
    return undefined;
  }
}

function bytes(text: string): Uint8Array {
  return Buffer.from(text, "utf8");
}
