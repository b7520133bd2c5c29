import { block, setting, when, type Node, type NodeMap } from "#cli/generate/deploy/template.ts";
import { version } from "#cli/version.ts";

/** Image of the manifests; there is no registry that has it, so it is brought to the nodes or named anew. */
export const IMAGE = `capfn:${version}`;

/**
 * What the namespace's label `restricted` asks of every pod (Kubernetes documentation, "Pod Security Standards"). It is said of the container,
 * because Knative takes it there only.
 */
const containerSecurity: NodeMap = {
  runAsNonRoot: true,
  runAsUser: 65_532,
  runAsGroup: 65_532,
  allowPrivilegeEscalation: false,
  readOnlyRootFilesystem: true,
  capabilities: { drop: ["ALL"] },
  seccompProfile: { type: "RuntimeDefault" },
};

/** Fields of every container of ours. */
export function container(name: string, command: readonly Node[], args: readonly Node[]): NodeMap {
  return {
    name,
    image: setting(IMAGE, 'include "capfn.image" $ | quote'),
    imagePullPolicy: setting("IfNotPresent", "$.Values.image.pullPolicy"),
    command,
    args,
    env: block([], "$.Values.extraEnv"),
    securityContext: containerSecurity,
  };
}

/** Where pods may run, and with what they fetch the image. */
export const placement: NodeMap = {
  imagePullSecrets: block([], "$.Values.imagePullSecrets"),
  nodeSelector: block({}, "$.Values.nodeSelector"),
  tolerations: block([], "$.Values.tolerations"),
  affinity: block({}, "$.Values.affinity"),
  priorityClassName: when(
    "$.Values.priorityClassName",
    setting(undefined, "$.Values.priorityClassName | quote"),
  ),
};

/** A token for one audience, renewed by the kubelet (Kubernetes documentation, "Service account token volume projection"). */
export function tokenVolume(name: string, audience: string): NodeMap {
  return {
    name,
    projected: {
      sources: [{ serviceAccountToken: { audience, expirationSeconds: 3600, path: "token" } }],
    },
  };
}

/** A flag whose value is taken from the values, and which is left out when that is empty. */
export function optionalFlag(flag: string, value: string): Node {
  return when(value, setting(undefined, `printf "--${flag}=%v" ${value} | quote`));
}

/** A flag that is always there. */
export function flag(name: string, plain: string | number, value: string): Node {
  return setting(`--${name}=${plain}`, `printf "--${name}=%v" ${value} | quote`);
}

/** Which part of the cluster is looked after. */
export const shardFlags: readonly Node[] = [
  when(
    "$.Values.watchNamespaces",
    setting(undefined, 'printf "--namespace=%s" (join "," $.Values.watchNamespaces) | quote'),
  ),
  optionalFlag("watch-filter", "$.Values.watchFilter"),
];
