import type { JsonPatchOperation } from "#platform/kube/client.ts";

type Json = Record<string, unknown>;

/** RFC 7386. */
export function merge(target: unknown, patch: unknown): unknown {
  if (!isRecord(patch)) return structuredClone(patch);
  const result: Json = isRecord(target) ? { ...target } : {};
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) delete result[name];
    else result[name] = merge(result[name], value);
  }
  return result;
}

/** One RFC 6902 operation (add, remove, replace, test), in place. False when it cannot be done, or its test fails. */
export function operate(document: unknown, operation: JsonPatchOperation): boolean {
  const path = operation.path
    .split("/")
    .slice(1)
    .map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~"));
  const last = path.pop();
  const parent = path.reduce<unknown>(
    (at, part) => (Array.isArray(at) || isRecord(at) ? (at as Json)[part] : undefined),
    document,
  );
  if (last === undefined || !(Array.isArray(parent) || isRecord(parent))) return false;
  const place = parent as Json;
  if (operation.op === "test") return canonical(place[last]) === canonical(operation.value);
  if (operation.op !== "add" && !(last in place)) return false;
  if (Array.isArray(parent)) {
    const index = last === "-" ? parent.length : Number(last);
    if (operation.op === "add") parent.splice(index, 0, structuredClone(operation.value));
    else if (operation.op === "remove") parent.splice(index, 1);
    else parent[index] = structuredClone(operation.value);
  } else if (operation.op === "remove") delete place[last];
  else place[last] = structuredClone(operation.value);
  return true;
}

function canonical(value: unknown): string {
  return JSON.stringify(value, (_, inner: unknown) =>
    isRecord(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => a.localeCompare(b)))
      : inner,
  );
}

function isRecord(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
