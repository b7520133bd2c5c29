import { stringify } from "yaml";
import type { ControlPlane } from "#platform/control-plane/control-plane.ts";

/** A client certificate of the cluster's administrator, in a kubeconfig. */
export async function kubeconfigFor(
  workload: Pick<ControlPlane, "certificateAuthority" | "server" | "caPem">,
  validity: { readonly notBefore: Date; readonly notAfter: Date },
): Promise<string> {
  const { certificateAuthority: ca, server, caPem } = workload;
  const names = [{ ip: "127.0.0.1" }, { dns: "localhost" }];
  const { certPem, keyPem } = await ca.issue("O=system:masters, CN=kubernetes-admin", names, validity);
  const encode = (text: string): string => Buffer.from(text).toString("base64");
  const user = { "client-certificate-data": encode(certPem), "client-key-data": encode(keyPem) };
  return stringify({
    apiVersion: "v1",
    kind: "Config",
    "current-context": "demo",
    clusters: [{ name: "demo", cluster: { server, "certificate-authority-data": encode(caPem) } }],
    users: [{ name: "admin", user }],
    contexts: [{ name: "demo", context: { cluster: "demo", user: "admin" } }],
  });
}
