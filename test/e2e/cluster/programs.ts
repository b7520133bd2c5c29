import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { cached } from "#platform/control-plane/asset-cache.ts";
import { buildGoProgram } from "#platform/control-plane/go-build.ts";
import type { ControlPlaneHost } from "#platform/control-plane/host.ts";
import { versions } from "#test/e2e/cluster/versions.ts";

interface Source {
  /** Folder, from `modules/`. */
  readonly module: string;
  readonly package: string;
  readonly duration: string;
  readonly linkVariables?: Readonly<Record<string, string>>;
}

const [major = "", minor = ""] = versions.kubernetes.split(".");

/** Without the tree state kubeadm takes the version for that of a developer's build, and refuses it. */
const KUBERNETES = Object.fromEntries(
  ["k8s.io/component-base/version", "k8s.io/client-go/pkg/version"].flatMap((name) => [
    [`${name}.gitVersion`, `v${versions.kubernetes}`],
    [`${name}.gitMajor`, major],
    [`${name}.gitMinor`, minor],
    [`${name}.gitTreeState`, "clean"],
  ]),
);

const kubernetes = (name: string, duration: string): Source => ({
  module: "kubernetes",
  package: `./cmd/${name}`,
  duration,
  linkVariables: KUBERNETES,
});

const sources = {
  "kube-apiserver": kubernetes("kube-apiserver", "about 5 minutes"),
  "kube-controller-manager": kubernetes("kube-controller-manager", "about 2 minutes"),
  "kube-scheduler": kubernetes("kube-scheduler", "about a minute"),
  "kube-proxy": kubernetes("kube-proxy", "about a minute"),
  kubelet: kubernetes("kubelet", "about 2 minutes"),
  kubeadm: kubernetes("kubeadm", "about a minute"),
  kubectl: kubernetes("kubectl", "about a minute"),
  coredns: { module: "coredns", package: ".", duration: "about 2 minutes" },
  pause: { module: "pause", package: ".", duration: "a few seconds" },
  "helm-3": tool("helm-3", "helm.sh/helm/v3/cmd/helm", "about 3 minutes"),
  helm: tool("helm", "helm.sh/helm/v4/cmd/helm", "about 3 minutes"),
  skaffold: tool("skaffold", "github.com/GoogleContainerTools/skaffold/v2/cmd/skaffold", "about 6 minutes"),
  kind: { module: "kind", package: "sigs.k8s.io/kind", duration: "about 10 seconds" },
  "keda-operator": keda("operator", "about 8 minutes"),
  "keda-adapter": keda("adapter", "about a minute"),
  "keda-webhooks": keda("webhooks", "about a minute"),
  "knative-controller": knative("controller", "about 3 minutes"),
  "knative-autoscaler": knative("autoscaler", "about a minute"),
  "knative-activator": knative("activator", "about a minute"),
  "knative-webhook": knative("webhook", "about a minute"),
  "knative-queue": knative("queue", "half a minute"),
  kourier: {
    module: "net-kourier",
    package: "knative.dev/net-kourier/cmd/kourier",
    duration: "about 2 minutes",
  },
} as const satisfies Record<string, Source>;

function keda(command: string, duration: string): Source {
  return { module: "keda", package: `github.com/kedacore/keda/v2/cmd/${command}`, duration };
}

function knative(command: string, duration: string): Source {
  return { module: "knative-serving", package: `knative.dev/serving/cmd/${command}`, duration };
}

/** A tool of people who install, from the module that other tests build it from too. */
function tool(name: string, path: string, duration: string): Source {
  return { module: `../../../support/deploy-tools/${name}`, package: path, duration };
}

/** A program of the cluster, or of what runs in it. */
export type ProgramName = keyof typeof sources;

/** Folder of one of the suite's Go modules. */
export function moduleFolder(module: string): string {
  return join(import.meta.dirname, "modules", module);
}

/** Path of a program, static, built once from the Go module that pins it. */
export async function clusterProgram(host: ControlPlaneHost, name: ProgramName): Promise<string> {
  const source: Source = sources[name];
  const folder = moduleFolder(source.module);
  const hash = createHash("sha256").update(
    JSON.stringify([process.arch, source.package, source.linkVariables ?? {}]),
  );
  const files = [
    join(folder, "go.mod"),
    join(folder, "go.sum"),
    join(folder, source.package.startsWith(".") ? source.package : "", "main.go"),
  ];
  for (const file of files) hash.update(await readFile(file).catch(() => ""));
  return cached(host, join("bin", `${name}-${hash.digest("hex").slice(0, 16)}`), (target) =>
    buildGoProgram(host, { name, ...source, module: folder }, target),
  );
}
