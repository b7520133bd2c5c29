import type { SecretLocation } from "#events/sources/connection-names.ts";
import { KubeconfigError } from "#platform/kube/kubeconfig.ts";
import type { KubeObject } from "#platform/kube/resource.ts";

/** The kubeconfig in a Secret, as text. Throws `KubeconfigError` with the mend when the key is missing or empty. */
export function kubeconfigIn(secret: KubeObject, at: SecretLocation): string {
  const data = secret["data"];
  const value: unknown =
    typeof data === "object" && data !== null
      ? Object.entries(data).find(([key]) => key === at.key)?.[1]
      : undefined;
  if (typeof value !== "string" || value === "") {
    throw new KubeconfigError(
      `Secret ${at.namespace}/${at.name} has no key "${at.key}"; put the kubeconfig there`,
    );
  }
  return Buffer.from(value, "base64").toString("utf8");
}
