/** Namespace that capfn runs in, as in the pages. */
const NAMESPACE = "capfn-system";
const name = { "app.kubernetes.io/name": "capfn" } as const;

/**
 * What the Prometheus operator is to scrape: the hub through its Service, a standby too; and functions where they are Knative Services. Functions that
 * pull their work have nobody to be scraped by while they are at zero: what they do is in the hub's figures, by function.
 */
export function monitors(): object[] {
  const apiVersion = "monitoring.coreos.com/v1";
  return [
    {
      apiVersion,
      kind: "ServiceMonitor",
      metadata: { name: "capfn-hub", namespace: NAMESPACE, labels: name },
      spec: {
        selector: { matchLabels: { ...name, "app.kubernetes.io/component": "hub" } },
        endpoints: [{ port: "metrics", interval: "30s", scrapeTimeout: "10s" }],
      },
    },
    {
      apiVersion,
      kind: "PodMonitor",
      metadata: { name: "capfn-functions", namespace: NAMESPACE, labels: name },
      spec: {
        selector: { matchLabels: { ...name, "app.kubernetes.io/component": "function" } },
        podTargetLabels: ["capfn.dev/function"],
        podMetricsEndpoints: [{ port: "user-port", interval: "30s", scrapeTimeout: "10s" }],
      },
    },
  ];
}

/** Labels and namespace of the rules. */
export function ruleMetadata(): object {
  return { name: "capfn", namespace: NAMESPACE, labels: name };
}
