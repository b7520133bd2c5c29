import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** What is installed without Helm, in the order it is applied in: kinds before their objects, the hub last. */
const FOLDERS = ["crds", "rbac", "hub"] as const;

/** All manifests of these folders as one YAML stream for `kubectl apply -f`. Folders that are not there are left out. */
export function components(manifests: string): string {
  const texts = FOLDERS.map((folder) => join(manifests, folder))
    .filter((folder) => existsSync(folder))
    .flatMap((folder) =>
      readdirSync(folder)
        .filter((name) => name.endsWith(".yaml"))
        .toSorted()
        .map((name) => readFileSync(join(folder, name), "utf8")),
    );
  return texts.map((text) => `---\n${text.replace(/^(?:---\s*\n)/, "").trimEnd()}\n`).join("");
}
