import type { RunnerKind } from "#cli/generate/deploy/hub.ts";
import { setting, when, type Document, type Node, type NodeMap } from "#cli/generate/deploy/template.ts";
import { HUB, inNamespace, INGRESS, ports, runnerIs, selector } from "#cli/generate/deploy/words.ts";

const port = (name: keyof typeof ports): Node => ({ name, port: ports[name], targetPort: name });

/**
 * How others reach the hub: Prometheus, functions that pull, KEDA. As its Deployment: one for each runner in the manifests. Headless, because of two replicas
 * only the one that leads takes work and tells KEDA: who asks tries their addresses one after the other.
 */
export function hubService(runner: RunnerKind): Document {
  const inManifest = runner === "keda";
  return service(HUB, { clusterIP: "None" }, [
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
    when(runnerIs("keda"), port("pull"), { inManifest }),
    when(runnerIs("keda"), port("scaler"), { inManifest }),
  ]);
}

/** The ingress has a Service of its own, for whoever sends alerts and events, and says who may. */
export function ingress(): Document[] {
  const where = { condition: "$.Values.ingress.enabled", chartOnly: true };
  return [
    { ...service(INGRESS, {}, [port("ingress")]), ...where },
    { node: ingressConfig(), ...where },
  ];
}

function ingressConfig(): NodeMap {
  return {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: inNamespace(INGRESS, "hub"),
    data: { "ingress.yaml": setting(undefined, "$.Values.ingress.config | toYaml | quote") },
  };
}

function service(name: string, further: NodeMap, servicePorts: readonly Node[]): Document {
  return {
    node: {
      apiVersion: "v1",
      kind: "Service",
      metadata: inNamespace(name, "hub"),
      spec: { ...further, selector: selector("hub"), ports: servicePorts },
    },
  };
}
