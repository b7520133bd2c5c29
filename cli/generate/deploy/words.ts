import { providerLabel } from "#api/names.ts";
import { setting, type Node, type NodeMap, type Placed } from "#cli/generate/deploy/template.ts";

/** Names that several manifests must agree on. */
export const NAMESPACE = "capfn-system";
export const HUB = "capfn-hub";
/** Service in front of the ingress; docs and the receiver for Alertmanager name it. */
export const INGRESS = "capfn-ingress";
/** Audience of the token that the hub shows to functions, and of the one that functions show to the hub. */
export const FUNCTIONS_AUDIENCE = "capfn-functions";
export const HUB_AUDIENCE = "capfn-hub";

/** Ports of the hub by name. */
export const ports = { metrics: 8080, health: 9440, ingress: 9443, pull: 8082, scaler: 9090 } as const;
/** Where a function listens. */
export const FUNCTION_PORT = 8080;

/** Account of a function, which is also the name of what runs it by pulling. */
export function functionAccount(name: string): string {
  return `capfn-${name}`;
}

/** Which function a pod serves. */
export const FUNCTION_LABEL = "capfn.dev/function";

/** Namespace of the release. */
export const namespace: Placed = setting(NAMESPACE, "$.Release.Namespace");

/** Name of the hub's account. */
export const hubAccount: Placed = setting(HUB, 'include "capfn.hubAccount" $');

/** Conditions and parts of templates that occur in several. */
export const runnerIs = (runner: string): string => `eq $.Values.runner "${runner}"`;
/** Rights are given for each of these: the whole cluster, said as an empty name, or the namespaces that are watched. */
export const SCOPES = 'include "capfn.scopes" $ | fromJsonArray';

/** Labels by which Services and policies find pods. */
export function selector(component: string): NodeMap {
  return { "app.kubernetes.io/name": "capfn", "app.kubernetes.io/component": component };
}

/** Labels of pods: none that change with the chart's version alone, which would start them anew. */
export function podLabels(component: string, further: NodeMap = {}): NodeMap {
  return { ...selector(component), ...further, [providerLabel.name]: providerLabel.value };
}

/** Labels of every object (Kubernetes documentation, "Recommended Labels"). */
export function labels(component: string, further: NodeMap = {}): NodeMap {
  return {
    ...podLabels(component, further),
    "app.kubernetes.io/managed-by": setting(undefined, "$.Release.Service"),
    "helm.sh/chart": setting(undefined, 'printf "%s-%s" $.Chart.Name $.Chart.Version'),
  };
}

/** Metadata of an object in the namespace of the release. */
export function inNamespace(name: string, component: string): NodeMap {
  return { name, namespace, labels: labels(component) };
}

/** Name of an object without a namespace: installed once for the whole cluster under its plain name, else told apart by the release's namespace. */
export function clusterWide(name: string): Node {
  return setting(name, `include "capfn.clusterWide" (list $ "${name}")`);
}
