import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import * as z from "zod";

const bomSchema = z.looseObject({
  metadata: z.looseObject({ component: z.looseObject({ "bom-ref": z.string() }) }),
});

/**
 * The production dependencies as the lock file has them (CycloneDX JSON, made by npm). The same lock file gives the same text: its time is the
 * build's, its serial number is made of its content.
 *
 * @param time seconds since the epoch
 */
export function softwareBill(root: string, time: number): string {
  const args = ["sbom", "--sbom-format", "cyclonedx", "--omit", "dev", "--package-lock-only"];
  const printed = execFileSync("npm", args, {
    cwd: root,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "ignore"],
  });
  const bom = bomSchema.parse(JSON.parse(printed));
  const { metadata } = bom;
  const timestamp = new Date(time * 1000).toISOString();
  // npm calls it after the folder it lies in.
  const component = { ...metadata.component, name: "capfn" };
  const settled = { ...bom, metadata: { ...metadata, timestamp, component } };
  const digest = createHash("sha256")
    .update(JSON.stringify({ ...settled, serialNumber: "" }))
    .digest("hex");
  return `${JSON.stringify({ ...settled, serialNumber: `urn:uuid:${uuid(digest)}` }, undefined, 2)}\n`;
}

/** A UUID of version 8 (RFC 9562: made of anything) out of a digest. */
function uuid(hex: string): string {
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}
