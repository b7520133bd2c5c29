import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { installLines } from "#test/e2e/cluster/checks/readme.ts";
import { accesses, forbidden } from "#test/e2e/cluster/checks/rights.ts";
import { usage } from "#test/e2e/cluster/checks/footprint.ts";
import { servedBy } from "#test/e2e/cluster/components/cluster-api.ts";
import { editedForKind, ownImage } from "#test/e2e/cluster/components/edits.ts";
import { percentile } from "#test/e2e/cluster/figures.ts";
import { lacksSysResource, withEmptyTables } from "#test/e2e/cluster/machine/docker.ts";
import { kindConfig } from "#test/e2e/cluster/machine/kind-config.ts";
import { moduleFolder } from "#test/e2e/cluster/programs.ts";
import { versions } from "#test/e2e/cluster/versions.ts";

const deployment = {
  kind: "Deployment",
  metadata: { name: "keda-operator", namespace: "keda" },
  spec: {
    template: {
      spec: {
        containers: [
          {
            name: "operator",
            image: "ghcr.io/kedacore/keda:2.21.0",
            args: ["--leader-elect", "--zap-log-level=info"],
            lifecycle: { preStop: { exec: { command: ["/bin/sh"] } } },
            resources: { requests: { cpu: "100m" }, limits: { cpu: "1", memory: "1Gi" } },
            readinessProbe: { httpGet: { path: "/readyz", port: 8081 }, initialDelaySeconds: 20 },
          },
        ],
      },
    },
  },
};

describe("manifests for one kind node", () => {
  const [edited] = editedForKind([deployment]);
  const container = edited?.spec?.template?.spec.containers[0];

  it("name images that are on the node, and are fetched from nowhere", () => {
    expect(container).toMatchObject({ image: "kind.local/keda:2.21.0", imagePullPolicy: "IfNotPresent" });
    expect(ownImage("ko://knative.dev/serving/cmd/queue")).toBe("kind.local/queue:0.50.0");
    expect(ownImage("ko://knative.dev/net-kourier/cmd/kourier")).toBe("kind.local/kourier:0.48.0");
    expect(ownImage("docker.io/envoyproxy/envoy:v1.34-latest")).toBe("kind.local/envoy:1.40.0");
    expect(ownImage("example.com/other:1")).toBe("example.com/other:1");
  });

  it("wait for no lease, ask for no CPU, and keep the limit of memory", () => {
    expect(container?.args).toEqual(["--zap-log-level=info"]);
    expect(container?.resources).toEqual({ limits: { memory: "1Gi" } });
    expect(container?.lifecycle).toBeUndefined();
    expect(container?.readinessProbe).toMatchObject({ initialDelaySeconds: 0, periodSeconds: 1 });
  });

  it("leave what is published as it was", () => {
    expect(deployment.spec.template.spec.containers[0]?.args).toContain("--leader-elect");
  });

  it("have no load balancer and no autoscaler for CPU, and enforce restricted", () => {
    const metadata = { name: "kourier" };
    const kinds = editedForKind([
      { kind: "Service", metadata, spec: { type: "LoadBalancer" } },
      { kind: "HorizontalPodAutoscaler", metadata },
      { kind: "Namespace", metadata: { name: "keda", labels: { a: "b" } } },
    ]);
    expect(kinds).toEqual([
      { kind: "Service", metadata, spec: { type: "ClusterIP" } },
      {
        kind: "Namespace",
        metadata: { name: "keda", labels: { a: "b", "pod-security.kubernetes.io/enforce": "restricted" } },
      },
    ]);
  });

  it("set Knative's keys beside the example whose checksum it verifies", () => {
    const [settings] = editedForKind([
      { kind: "ConfigMap", metadata: { name: "config-autoscaler" }, data: { _example: "text" } },
    ]);
    expect(settings?.data).toMatchObject({ _example: "text", "stable-window": "6s" });
  });
});

describe("Cluster API core in the cluster", () => {
  it("has its webhooks and conversion at its Service, with our authority", () => {
    const crd = { apiVersion: "apiextensions.k8s.io/v1", kind: "CustomResourceDefinition", spec: {} };
    expect(servedBy({ ...crd, metadata: { name: "machines" } }, "Q0E=")).toMatchObject({
      spec: {
        conversion: { webhook: { clientConfig: { caBundle: "Q0E=", service: { path: "/convert" } } } },
      },
    });
    const webhooks = [{ clientConfig: { service: { name: "webhook-service", path: "/validate" } } }];
    const configuration = {
      apiVersion: "admissionregistration.k8s.io/v1",
      kind: "ValidatingWebhookConfiguration",
    };
    expect(servedBy({ ...configuration, metadata: { name: "validating" }, webhooks }, "Q0E=")).toMatchObject({
      metadata: { name: "capi-validating" },
      webhooks: [{ clientConfig: { caBundle: "Q0E=", service: { path: "/validate", port: 443 } } }],
    });
  });
});

describe("the machine", () => {
  it("gets back tables of the firewall that were not there as empty ones", () => {
    const saved = "*filter\n:INPUT ACCEPT [1:2]\n-A INPUT -j DROP\nCOMMIT\n";
    expect(withEmptyTables(saved).startsWith(saved)).toBe(true);
    expect(withEmptyTables(saved)).toContain("*nat\n:PREROUTING ACCEPT [0:0]\n");
    expect(withEmptyTables(saved).match(/\*filter/g)).toHaveLength(1);
  });

  it("needs the runtime that asks for less only where root lacks CAP_SYS_RESOURCE", () => {
    expect(lacksSysResource("CapEff:\t000001fffeffffff\nCapBnd:\t000001fffeffffff\n")).toBe(true);
    expect(lacksSysResource("CapBnd:\t000001ffffffffff\n")).toBe(false);
    expect(lacksSysResource("Name:\tnode\n")).toBe(false);
  });

  it.each([true, false])("gets a kind cluster that wakes pods quickly (own image: %s)", (own) => {
    const config = parse(kindConfig({ own }));
    expect(config.networking.disableDefaultCNI).toBe(own);
    const patches = config.nodes[0].kubeadmConfigPatches.map((patch: string) => parse(patch));
    expect(patches[0].etcd.local.imageTag).toBe(own ? "3.6.8-0" : undefined);
    expect(patches).toContainEqual({
      kind: "KubeProxyConfiguration",
      iptables: { minSyncPeriod: "50ms" },
    });
  });

  it.each([
    ["kubernetes", `k8s.io/kubernetes v${versions.kubernetes}`],
    ["coredns", `github.com/coredns/coredns v${versions.coredns}`],
    ["kind", `sigs.k8s.io/kind v${versions.kind}`],
    ["keda", `github.com/kedacore/keda/v2 v${versions.keda}`],
    ["knative-serving", `knative.dev/serving v${versions.knativeServing}`],
    ["net-kourier", `knative.dev/net-kourier v${versions.netKourier}`],
  ])("builds %s in the version that is said", (module, required) => {
    expect(readFileSync(join(moduleFolder(module), "go.mod"), "utf8")).toContain(required);
  });
});

describe("figures", () => {
  it("take the upper of two values", () => {
    const twenty = Array.from({ length: 20 }, (_, index) => index + 1);
    expect([percentile(twenty, 0.5), percentile(twenty, 0.99)]).toEqual([11, 20]);
  });

  it("sum what pods used between two looks, of these namespaces, and of pods seen twice", () => {
    const pod = (name: string, namespace: string, seconds: number, nanoseconds: number) => ({
      podRef: { name, namespace },
      cpu: { usageCoreNanoSeconds: nanoseconds, time: new Date(seconds * 1000).toISOString() },
      memory: { workingSetBytes: 60e6, rssBytes: 50e6 },
    });
    const before = [pod("hub", "capfn-system", 0, 1e9), pod("other", "default", 0, 0)];
    const after = [
      pod("hub", "capfn-system", 10, 1.1e9),
      pod("new", "capfn-system", 10, 5e9),
      pod("other", "default", 10, 9e9),
    ];
    expect(usage(before, after, ["capfn-system"])).toEqual({ pods: 1, millicores: 10, megabytes: 50 });
  });
});

describe("README", () => {
  it("is read line by line, without what is said beside the lines", () => {
    const text =
      "# A\n\n## Install on your cluster\n\n```sh\nhelm install a b      # or: c\n\nkubectl get pods\n```\n\n## B\n";
    expect(installLines(text)).toEqual(["helm install a b", "kubectl get pods"]);
    expect(() => installLines("## B\n")).toThrow("no commands below Install on your cluster");
  });
});

describe("rights", () => {
  it("are every verb on every resource of a rule, and those on other API servers are not asked here", () => {
    const rule = { apiGroups: ["infra"], resources: ["machines/status"], verbs: ["get", "patch"] };
    expect(accesses({ api: "management", ...rule })).toEqual([
      { verb: "get", group: "infra", resource: "machines", subresource: "status" },
      { verb: "patch", group: "infra", resource: "machines", subresource: "status" },
    ]);
    expect(accesses({ api: "harvester", ...rule })).toEqual([]);
  });

  it("never are those that would let a function take others", () => {
    expect(forbidden).toContainEqual({
      verb: "create",
      group: "",
      resource: "serviceaccounts",
      subresource: "token",
    });
    expect(forbidden).toContainEqual({ verb: "*", group: "*", resource: "*" });
  });
});
