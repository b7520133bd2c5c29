import { readFile } from "node:fs/promises";
import { KubeconfigError, parseKubeconfig } from "#platform/kube/kubeconfig.ts";

/** A kubeconfig that capfn can use from a Secret, or what is wrong with it; never any of its content. */
export type KubeconfigRead =
  | { readonly text: string; readonly problem?: undefined }
  | { readonly text?: undefined; readonly problem: string };

/** Reads the file and looks at its current context as capfn does when it connects: server, authority, credentials, all in it. */
export async function readHarvesterKubeconfig(path: string): Promise<KubeconfigRead> {
  const text = await readFile(path, "utf8").catch(() => undefined);
  if (text === undefined)
    return { problem: `--harvester-kubeconfig is "${path}", which cannot be read; give the path of a file` };
  try {
    parseKubeconfig(text, "harvester");
    return { text };
  } catch (error) {
    if (!(error instanceof KubeconfigError)) throw error;
    return { problem: `--harvester-kubeconfig is "${path}": ${error.message}` };
  }
}
