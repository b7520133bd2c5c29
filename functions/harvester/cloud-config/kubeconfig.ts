import { stringify } from "yaml";

/** What a cloud provider needs to act on Harvester. */
export interface CloudAccess {
  readonly server: string;
  readonly caPem: string;
  /** Where the cluster's VMs are; the cloud provider acts there only. */
  readonly namespace: string;
  readonly token: string;
}

/** The kubeconfig of Harvester's cloud provider, with the names that the Go provider gives its entries. */
export function cloudKubeconfig({ server, caPem, namespace, token }: CloudAccess): string {
  const name = "default";
  const context = "context";
  return stringify(
    {
      apiVersion: "v1",
      kind: "Config",
      clusters: [
        {
          name,
          cluster: { server, "certificate-authority-data": Buffer.from(caPem, "utf8").toString("base64") },
        },
      ],
      users: [{ name, user: { token } }],
      contexts: [{ name: context, context: { cluster: name, namespace, user: name } }],
      "current-context": context,
    },
    { lineWidth: 0 },
  );
}
