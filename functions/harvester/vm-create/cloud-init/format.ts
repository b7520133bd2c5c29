import { parseAllDocuments, isMap, isScalar } from "yaml";
import { listKeys } from "#functions/harvester/vm-create/cloud-init/merge.ts";
import { isMimeMessage } from "#functions/harvester/vm-create/cloud-init/mime.ts";

/** What bootstrap data is, and so what may be done with it. */
export type BootstrapFormat =
  /** One cloud-config document; ours can be merged into it. `template` is set when its header asks for jinja rendering. */
  | { readonly kind: "cloudConfig"; readonly template: boolean }
  /** Something cloud-init takes as a part beside ours. */
  | { readonly kind: "part"; readonly contentType: string }
  /** A MIME message; it can be nested in another one. */
  | { readonly kind: "mime" }
  /** For another program than cloud-init (Ignition, Talos, cloudbase-init): nothing may be added. */
  | { readonly kind: "foreign" }
  | { readonly kind: "malformed"; readonly problem: string };

/** First characters and what they mean to cloud-init ("User-data formats" of its documentation); longest first. */
const prefixes: readonly (readonly [string, BootstrapFormat])[] = [
  ["#cloud-config-archive", { kind: "part", contentType: "text/cloud-config-archive" }],
  ["#cloud-config-jsonp", { kind: "part", contentType: "text/cloud-config-jsonp" }],
  ["#cloud-config", { kind: "cloudConfig", template: false }],
  ["#cloud-boothook", { kind: "part", contentType: "text/cloud-boothook" }],
  ["#include-once", { kind: "part", contentType: "text/x-include-once-url" }],
  ["#include", { kind: "part", contentType: "text/x-include-url" }],
  ["#part-handler", { kind: "part", contentType: "text/part-handler" }],
  ["#upstart-job", { kind: "part", contentType: "text/upstart-job" }],
  ["#ps1", { kind: "foreign" }],
  ["#!", { kind: "part", contentType: "text/x-shellscript" }],
];

/** Tells the format by the content, as cloud-init does. */
export function formatOf(text: string): BootstrapFormat {
  if (text.trim() === "") return { kind: "malformed", problem: "it is empty" };
  const start = text.trimStart();
  if (/^##\s*template:\s*jinja/i.test(start)) return templateFormat(start);
  const known = prefixes.find(([prefix]) => start.toLowerCase().startsWith(prefix));
  if (known !== undefined) return known[1];
  return isMimeMessage(text) ? { kind: "mime" } : headerless(text);
}

/** A template without an expression renders to itself and can be merged; any other is only valid once it is rendered on the machine. */
function templateFormat(text: string): BootstrapFormat {
  const rest = text.slice(text.indexOf("\n") + 1);
  const isCloudConfig = /^#cloud-config\s*$/im.exec(rest)?.index === 0;
  return isCloudConfig && !/\{[{%#]/.test(rest)
    ? { kind: "cloudConfig", template: true }
    : { kind: "part", contentType: "text/jinja2" };
}

/**
 * Data without a header of cloud-init. A map with one of the lists only cloud-config has is cloud-config whose header was forgotten. Any
 * other map, or several, is the configuration of another system. The rest is nothing a machine could boot with.
 */
function headerless(text: string): BootstrapFormat {
  const documents = parseAllDocuments(text, { schema: "failsafe", uniqueKeys: false, prettyErrors: false });
  if (!Array.isArray(documents)) return UNKNOWN;
  const maps = documents.map((document) => (document.errors.length === 0 ? document.contents : undefined));
  if (maps.length === 0 || !maps.every((contents) => isMap(contents))) return UNKNOWN;
  const keys = maps.flatMap(({ items }) => items.map(({ key }) => (isScalar(key) ? String(key.value) : "")));
  const isCloudConfig = maps.length === 1 && keys.some((key) => listKeys.includes(key));
  return isCloudConfig ? { kind: "cloudConfig", template: false } : { kind: "foreign" };
}

const UNKNOWN: BootstrapFormat = {
  kind: "malformed",
  problem: "it is neither cloud-init user data nor Ignition nor a YAML or JSON configuration",
};
