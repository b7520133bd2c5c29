import { stringify } from "yaml";
import type { ControlPlane } from "#platform/control-plane/control-plane.ts";

/** Kubeconfig of a cluster's administrator with a client certificate of its authority, as kubeadm and Cluster API write it. */
export async function clientKubeconfig(
  { certificateAuthority, server, caPem }: ControlPlane,
  validity: { readonly notBefore: Date; readonly notAfter: Date },
): Promise<string> {
  const names = [{ ip: "127.0.0.1" }, { dns: "localhost" }];
  const subject = "O=system:masters, CN=kubernetes-admin";
  const { certPem, keyPem } = await certificateAuthority.issue(subject, names, validity);
  return stringify({
    apiVersion: "v1",
    kind: "Config",
    "current-context": "demo",
    clusters: [{ name: "demo", cluster: { server, "certificate-authority-data": encode(caPem) } }],
    users: [
      {
        name: "admin",
        user: { "client-certificate-data": encode(certPem), "client-key-data": encode(keyPem) },
      },
    ],
    contexts: [{ name: "demo", context: { cluster: "demo", user: "admin" } }],
  });
}

function encode(text: string): string {
  return Buffer.from(text).toString("base64");
}
