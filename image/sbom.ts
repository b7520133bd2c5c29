import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import * as z from "zod";
import manifest from "../package.json" with { type: "json" };

const componentSchema = z.looseObject({
  "bom-ref": z.string(),
  properties: z.array(z.looseObject({ name: z.string() })).default([]),
});

const bomSchema = z.looseObject({
  metadata: z.looseObject({ component: componentSchema }),
  components: z.array(componentSchema),
  dependencies: z.array(z.looseObject({ ref: z.string(), dependsOn: z.array(z.string()).default([]) })),
});

type Component = z.infer<typeof componentSchema>;

/** How npm marks what only the build and the tests need. Its own `--omit dev` leaves out what these share with the product. */
const DEVELOPMENT = "cdx:npm:package:development";

/**
 * The production dependencies as the lock file has them (CycloneDX JSON, made by npm). The same lock file gives the same text: its time is the
 * build's, its serial number is made of its content.
 *
 * @param time seconds since the epoch
 */
export function softwareBill(root: string, time: number): string {
  const args = ["sbom", "--sbom-format", "cyclonedx", "--package-lock-only"];
  const printed = execFileSync("npm", args, {
    cwd: root,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "ignore"],
    maxBuffer: 64 << 20,
  });
  const bom = bomSchema.parse(JSON.parse(printed));
  const { component } = bom.metadata;
  const components = bom.components.filter(isShipped);
  const kept = new Set([component, ...components].map((each) => each["bom-ref"]));
  const settled = {
    ...bom,
    metadata: {
      ...bom.metadata,
      timestamp: new Date(time * 1000).toISOString(),
      // npm calls it after the folder it lies in.
      component: { ...component, name: manifest.name },
    },
    components,
    dependencies: bom.dependencies
      .filter(({ ref }) => kept.has(ref))
      .map((each) => ({ ...each, dependsOn: each.dependsOn.filter((ref) => kept.has(ref)) })),
  };
  const digest = createHash("sha256")
    .update(JSON.stringify({ ...settled, serialNumber: "" }))
    .digest("hex");
  return `${JSON.stringify({ ...settled, serialNumber: `urn:uuid:${uuid(digest)}` }, undefined, 2)}\n`;
}

function isShipped({ properties }: Component): boolean {
  return !properties.some(({ name }) => name === DEVELOPMENT);
}

/** A UUID of version 8 (RFC 9562: made of anything) out of a digest. */
function uuid(hex: string): string {
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}
