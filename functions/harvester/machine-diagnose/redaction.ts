import { gunzipSync } from "node:zlib";
import { PUBLIC_WORDS } from "#functions/harvester/machine-diagnose/public-words.ts";

const REDACTED = "[redacted]";
/** Shorter words stand in every text. */
const SHORTEST_WORD = 4;
/** A piece of this length that stands in what is secret is taken for a part of it. */
const PIECE = 8;
const LARGEST_UNPACKED_BYTES = 4 << 20;

/** Takes out of a text what must not be shown. */
export type Redact = (text: string) => string;

/**
 * Makes what takes out of a text whatever looks like a credential and whatever stands in these secret texts: each of their words, and any eight
 * characters in a row that stand in one of them, also in what they hold as base64 or gzip. Words everybody knows stay (`public-words.ts`), as do
 * `known` ones, which can be read elsewhere, such as the machine's name.
 */
export function redactor(secrets: readonly Uint8Array[], known: readonly string[] = []): Redact {
  const open = new Set([...PUBLIC_WORDS, ...known.map((word) => word.toLowerCase())]);
  const words = new Set<string>();
  const pieces = new Set<string>();
  for (const text of secrets.flatMap((secret) => unpacked(Buffer.from(secret)))) {
    for (const run of text.toLowerCase().split(/\s+/)) {
      for (let at = 0; at + PIECE <= run.length; at += 1) pieces.add(run.slice(at, at + PIECE));
      for (const word of wordsIn(run)) if (word.text.length >= SHORTEST_WORD) words.add(word.text);
    }
  }
  return (text) => {
    const shapeless = patterns.reduce((left, [pattern, mark]) => left.replaceAll(pattern, mark), text);
    const masked = shapeless.replaceAll(/\S+/g, (run) => maskedRun(run, { open, words, pieces }));
    return masked.replaceAll(/\[redacted\](?:[^\w\n]{0,2}\[redacted\])+/g, REDACTED);
  };
}

interface Lists {
  readonly open: ReadonlySet<string>;
  readonly words: ReadonlySet<string>;
  readonly pieces: ReadonlySet<string>;
}

function maskedRun(run: string, { open, words, pieces }: Lists): string {
  const lower = run.toLowerCase();
  const hits = Array.from({ length: lower.length }, () => false);
  for (let at = 0; at + PIECE <= lower.length; at += 1) {
    if (pieces.has(lower.slice(at, at + PIECE))) hits.fill(true, at, at + PIECE);
  }
  let masked = "";
  let end = 0;
  for (const { text, from } of wordsIn(lower)) {
    const to = from + text.length;
    const isSecret =
      !open.has(text.replace(/\.+$/, "")) && (words.has(text) || hits.slice(from, to).includes(true));
    masked += run.slice(end, from) + (isSecret ? REDACTED : run.slice(from, to));
    end = to;
  }
  return masked + run.slice(end);
}

function wordsIn(run: string): { readonly text: string; readonly from: number }[] {
  const found: { text: string; from: number }[] = [];
  for (const match of run.matchAll(/[^\s"'`,;:=()<>[\]{}|&@/\\!?#*]+/g)) {
    found.push({ text: match[0], from: match.index });
  }
  return found;
}

/** The text of these bytes, and of what they hold packed: gzip as a whole, base64 in their midst. */
function unpacked(bytes: Buffer, depth = 3): string[] {
  if (bytes[0] === 0x1f && bytes[1] === 0x8b) {
    try {
      return depth === 0
        ? []
        : unpacked(gunzipSync(bytes, { maxOutputLength: LARGEST_UNPACKED_BYTES }), depth - 1);
    } catch {
      return [];
    }
  }
  const text = bytes.toString("utf8");
  if (depth === 0) return [text];
  // Lines of base64 are folded in YAML and PEM.
  const packed = text.match(/(?:[A-Za-z0-9+/]{4,}\s*)+={0,2}/g) ?? [];
  const inner = packed
    .map((each) => each.replaceAll(/\s+/g, ""))
    .concat(text.match(/[A-Za-z0-9+/]{12,}={0,2}/g) ?? [])
    .filter((each) => each.length >= 12)
    .map((each) => Buffer.from(each, "base64"))
    .filter((each) => each[0] === 0x1f || isText(each));
  return [text, ...inner.flatMap((each) => unpacked(each, depth - 1))];
}

function isText(bytes: Buffer): boolean {
  return (
    bytes.length >= SHORTEST_WORD &&
    bytes.every((byte) => byte === 9 || byte === 10 || byte === 13 || byte >= 32)
  );
}

/** What credentials look like, wherever they come from, and what is put in their place. */
const patterns: readonly (readonly [RegExp, string])[] = [
  [/-----BEGIN [A-Z0-9 ]+-----[\s\S]*?(?:-----END [A-Z0-9 ]+-----|$)/g, REDACTED],
  // JSON Web Tokens.
  [/\beyJ[\w-]+\.[\w-]+(?:\.[\w-]*)?/g, REDACTED],
  // Bootstrap tokens of kubeadm, and join tokens of k3s and RKE2.
  [/\b[a-z0-9]{6}\.[a-z0-9]{16}\b/g, REDACTED],
  [/\bK10[0-9a-f]{16,}(?:::\S+)?/g, REDACTED],
  [/\b(?:sha256|sha512):[0-9a-f]{32,}/gi, REDACTED],
  // crypt(5), and public keys, which name people.
  [/\$(?:[1567y]|2[aby]|gy)\$\S+/g, REDACTED],
  [/\b(?:ssh-(?:rsa|ed25519|dss)|ecdsa-sha2-\S+)\s+AAAA\S+(?:\s+\S+)?/g, REDACTED],
  [/(\b(?:bearer|basic)\s+)\S+/gi, `$1${REDACTED}`],
  [/(:\/\/)[^\s/@]+@/g, `$1${REDACTED}@`],
  // What follows a telling name.
  [
    /((?:pass(?:word|wd|phrase)?|token|secret|credentials?|api[-_]?key|private[-_]?key|access[-_]?key|certificate[-_]?key)["']?\s*[:=]\s*|--(?:token|password|certificate-key)[ =])(?:"[^"\n]*"|'[^'\n]*'|\S+)/gi,
    `$1${REDACTED}`,
  ],
  // Long random text.
  [
    /(?<![\w+/=-])(?=[\w+/=-]*\d)(?=[\w+/=-]*[a-z])(?:[0-9a-f]{32,}|[\w+/-]{40,}={0,2})(?![\w+/=-])/gi,
    REDACTED,
  ],
];
