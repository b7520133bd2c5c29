import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { softwareBill } from "#image/sbom.ts";

const root = join(import.meta.dirname, "..", "..", "..");

interface Locked {
  readonly packages: Readonly<Record<string, { readonly version: string; readonly dev?: boolean }>>;
}

it("the bill of materials has every package the product needs and none that only the build needs, the same each time", () => {
  const text = softwareBill(root, 86_400);
  const bill = JSON.parse(text) as {
    components: { name: string; version: string }[];
    metadata: { timestamp: string };
  };
  const { packages } = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8")) as Locked;
  const needed = Object.entries(packages)
    .filter(([path, { dev }]) => path !== "" && dev !== true)
    .map(([path, { version }]) => `${path.split("node_modules/").at(-1)}@${version}`);
  const listed = bill.components.map(({ name, version }) => `${name}@${version}`);
  expect([...new Set(listed)].toSorted()).toEqual([...new Set(needed)].toSorted());
  expect(listed).toEqual(
    expect.arrayContaining([expect.stringMatching(/^zod@/), expect.stringMatching(/^fastify@/)]),
  );
  expect(bill.metadata.timestamp).toBe("1970-01-02T00:00:00.000Z");
  expect(softwareBill(root, 86_400)).toBe(text);
}, 60_000);
