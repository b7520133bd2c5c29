import { when, setting, type Document, type Node } from "#cli/generate/deploy/template.ts";
import { HUB, inNamespace, INGRESS, ports, runnerIs, selector } from "#cli/generate/deploy/words.ts";

/** How others reach the hub: Prometheus, functions that pull, KEDA; and, with a Service of its own, whoever sends alerts and events. */
export function hubServices(): Document[] {
  const port = (name: keyof typeof ports): Node => ({ name, port: ports[name], targetPort: name });
  return [
    service(HUB, [
      when(
        'include "capfn.port" $.Values.metrics.bindAddress',
        {
          name: "metrics",
          port: setting(ports.metrics, 'include "capfn.port" $.Values.metrics.bindAddress'),
          targetPort: "metrics",
        },
        { inManifest: true },
      ),
      {
        name: "health",
        port: setting(ports.health, 'include "capfn.port" $.Values.healthProbe.bindAddress'),
        targetPort: "health",
      },
      when(runnerIs("keda"), port("pull"), { inManifest: true }),
      when(runnerIs("keda"), port("scaler"), { inManifest: true }),
    ]),
    { ...service(INGRESS, [port("ingress")]), condition: "$.Values.ingress.enabled", chartOnly: true },
  ];
}

/** Who may send what to the ingress. */
export function ingressConfig(): Document {
  return {
    node: {
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: inNamespace(INGRESS, "hub"),
      data: { "ingress.yaml": setting(undefined, "$.Values.ingress.config | toYaml | quote") },
    },
    condition: "$.Values.ingress.enabled",
    chartOnly: true,
  };
}

function service(name: string, servicePorts: readonly Node[]): Document {
  return {
    node: {
      apiVersion: "v1",
      kind: "Service",
      metadata: inNamespace(name, "hub"),
      spec: { selector: selector("hub"), ports: servicePorts },
    },
  };
}
