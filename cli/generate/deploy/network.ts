import { block, setting, type Document, type Node, type NodeMap } from "#cli/generate/deploy/template.ts";
import {
  FUNCTION_LABEL,
  HUB,
  inNamespace,
  INGRESS,
  ports,
  runnerIs,
  selector,
} from "#cli/generate/deploy/words.ts";

const ON = "$.Values.networkPolicy.enabled";
const everyNamespace: readonly Node[] = [{ namespaceSelector: {} }];

/** Who may open connections to pods of capfn: nobody, but for what is named here. What they open themselves is not restricted. */
export function networkPolicies(): Document[] {
  return [
    policy("capfn-default-deny", { podSelector: {}, policyTypes: ["Ingress"] }),
    policy(HUB, {
      podSelector: { matchLabels: selector("hub") },
      policyTypes: ["Ingress"],
      ingress: [
        {
          from: block(everyNamespace, "$.Values.networkPolicy.metricsFrom"),
          ports: [{ protocol: "TCP", port: "metrics" }],
        },
      ],
    }),
    {
      ...policy(INGRESS, {
        podSelector: { matchLabels: selector("hub") },
        policyTypes: ["Ingress"],
        ingress: [
          {
            from: block(everyNamespace, "$.Values.networkPolicy.ingressFrom"),
            ports: [{ protocol: "TCP", port: ports.ingress }],
          },
        ],
      }),
      condition: `and ${ON} $.Values.ingress.enabled`,
      chartOnly: true,
    },
  ];
}

/** Functions that pull, and KEDA, which asks how much there is to do. */
export function pullPolicy(): Document {
  return {
    ...policy("capfn-pull", {
      podSelector: { matchLabels: selector("hub") },
      policyTypes: ["Ingress"],
      ingress: [
        {
          from: [{ podSelector: { matchLabels: selector("function") } }],
          ports: [{ protocol: "TCP", port: ports.pull }],
        },
        {
          from: [namespaceNamed(setting("keda", "$.Values.keda.namespace | quote"))],
          ports: [{ protocol: "TCP", port: ports.scaler }],
        },
      ],
    }),
    condition: `and ${ON} (${runnerIs("keda")})`,
  };
}

/** Pods of Knative Services are reached through the activator and the local gateway, and scraped by the autoscaler. */
export function knativePolicy(): Document {
  const from = block(
    ["knative-serving", "kourier-system"].map(namespaceNamed),
    'include "capfn.namespacePeers" $.Values.knative.namespaces | fromJsonArray',
  );
  return {
    ...policy("capfn-functions", {
      podSelector: { matchExpressions: [{ key: FUNCTION_LABEL, operator: "Exists" }] },
      policyTypes: ["Ingress"],
      ingress: [{ from }],
    }),
    condition: `and ${ON} (${runnerIs("knative")})`,
  };
}

function namespaceNamed(name: Node): NodeMap {
  return { namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": name } } };
}

function policy(name: string, spec: NodeMap): Document {
  return {
    node: {
      apiVersion: "networking.k8s.io/v1",
      kind: "NetworkPolicy",
      metadata: inNamespace(name, "network"),
      spec,
    },
    condition: ON,
  };
}
