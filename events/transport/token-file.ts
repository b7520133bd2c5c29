import { createHash, timingSafeEqual } from "node:crypto";
import { readFile } from "node:fs/promises";
import type { Verify } from "#events/transport/callers.ts";

/** The token in a mounted file, read whenever it is needed, so that a replaced Secret counts at once. Throws, with the path, when there is none. */
export async function tokenIn(path: string): Promise<string> {
  const text = (await readFile(path, "utf8").catch(() => "")).trim();
  if (text === "") throw new Error(`${path}: holds no token; put one line of text there`);
  return text;
}

/** Verifies callers by the token in a file, compared in constant time. While there is none nobody can be verified. */
export function verifyByFile(path: string): Verify {
  return async (token) => {
    const expected = await tokenIn(path).catch(() => undefined);
    if (expected === undefined) return "unavailable";
    return timingSafeEqual(digestOf(token), digestOf(expected)) ? "allowed" : "refused";
  };
}

function digestOf(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}
