import { stringify } from "yaml";

/** What a kubeconfig needs to reach one API server as one user. */
export interface KubeconfigFields {
  /** Name of the cluster and of the context. */
  readonly name: string;
  /** `https://host:port`. */
  readonly server: string;
  readonly caPem: string;
  readonly user: string;
  readonly token: string;
}

/** A kubeconfig (v1 Config, YAML) with one cluster, one user and one, current, context. */
export function renderKubeconfig(fields: KubeconfigFields): string {
  return stringify({
    apiVersion: "v1",
    kind: "Config",
    "current-context": fields.name,
    clusters: [
      {
        name: fields.name,
        cluster: {
          server: fields.server,
          "certificate-authority-data": Buffer.from(fields.caPem).toString("base64"),
        },
      },
    ],
    users: [{ name: fields.user, user: { token: fields.token } }],
    contexts: [{ name: fields.name, context: { cluster: fields.name, user: fields.user } }],
  });
}
