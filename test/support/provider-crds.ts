import { withContractLabels } from "#platform/control-plane/cluster-api-core.ts";
import { kubeadmManifests } from "#platform/control-plane/third-party-manifests.ts";
import type { NewObject } from "#platform/kube/resource.ts";
import { testHost } from "#test/support/control-planes.ts";
import { rke2Kinds } from "#test/support/rke2-kinds.ts";
import { crdsOf } from "#test/support/runner-crds.ts";
import { talosKinds } from "#test/support/talos-kinds.ts";

const CERT_MANAGER = {
  path: "github.com/cert-manager/cert-manager",
  version: "v1.21.2",
  sum: "h1:UWgoYM+KLNtRlqmoWOKjKBOBUPVHeepQ6/ac3ERJW68=",
};

const OPERATOR = {
  path: "sigs.k8s.io/cluster-api-operator",
  version: "v0.27.0",
  sum: "h1:UruTkqz7HQucHItKfFulQryvzKfCdX9TmqmeT1+956Q=",
};

/**
 * CustomResourceDefinitions of all that stands beside capfn and Cluster API core on a management cluster: control plane and bootstrap providers,
 * cert-manager, the operator of Cluster API. None has its webhooks.
 */
export async function providerCrds(): Promise<NewObject[]> {
  const found = await Promise.all([
    crdsOf({ module: CERT_MANAGER, files: /^deploy\/crds\/cert-manager\.io_(certificates|issuers)\.yaml$/ }),
    crdsOf({
      module: OPERATOR,
      files: /^config\/crd\/bases\/operator\.cluster\.x-k8s\.io_infrastructureproviders\.yaml$/,
    }),
    rke2Kinds(),
    kubeadmManifests(testHost()).then((crds) =>
      crds.filter(({ kind }) => kind === "CustomResourceDefinition").map(withContractLabels),
    ),
  ]);
  return [...found.flat(), ...talosKinds()];
}
