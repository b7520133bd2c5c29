import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Released } from "#release/provenance.ts";

/** How a release names its image when nobody says where it is published. */
export interface Image {
  /** As the components have it: its whole name and the version. */
  readonly reference: string;
  /** Repository it is pushed to, with its registry; as it is when undefined. */
  readonly repository: string | undefined;
}

/**
 * What clusterctl, its operator and Turtles look for beside each other in a release, by the names they look for: components, metadata, templates, the
 * ClusterClass. Components name the image where it is published. Throws when they do not name the image of this version: they would install another.
 */
export function clusterctlAssets(folder: string, { reference, repository }: Image): Released[] {
  const files = readdirSync(folder)
    .toSorted()
    .map((name) => ({ name, text: readFileSync(join(folder, name), "utf8") }));
  const components = files.find(({ name }) => name === "infrastructure-components.yaml");
  if (components === undefined || !components.text.includes(` image: ${reference}\n`))
    throw new Error(
      `${folder}/infrastructure-components.yaml does not name the image ${reference}; run: npm run generate`,
    );
  const published =
    repository === undefined ? reference : `${repository}:${reference.split(":").at(-1) ?? ""}`;
  return files.map(({ name, text }) => {
    const content = text.replaceAll(` image: ${reference}\n`, ` image: ${published}\n`);
    return { name, content: Buffer.from(content) };
  });
}
