import { describe, expect, it } from "vitest";
import { readAnswers } from "#cli/cluster-yaml/answers.ts";
import { clusterFlags, flagOf } from "#cli/cluster-yaml/flags.ts";
import { answersWith, neededAnswers, optionsWith } from "#test/support/cluster-answers.ts";

const problemsWith = (more: Record<string, unknown>) => readAnswers(answersWith(more)).problems;

describe("the answers about a cluster", () => {
  it("have the defaults of the Go provider's generator [check 121]", () => {
    const defaults = Object.fromEntries(
      clusterFlags.flatMap(({ key, fallback }) => (fallback === undefined ? [] : [[flagOf(key), fallback]])),
    );
    expect(defaults).toEqual({
      "--target-namespace": "default",
      "--cp-replicas": "3",
      "--worker-replicas": "2",
      "--k8s-version": "v1.31.14",
      "--cpu": "2",
      "--memory": "4Gi",
      "--disk-size": "40Gi",
      "--ssh-user": "sles",
      "--lb-ipam": "dhcp",
      "--cni": "calico",
      "--pod-cidr": "10.42.0.0/16",
      "--services-cidr": "10.43.0.0/16",
      "--cni-mtu": "1500",
      "--cni-encapsulation": "VXLANCrossSubnet",
      "--cni-bgp": "Disabled",
      "--fleet-addon-branch": "main",
      "--cloud-provider-image": "rancher/harvester-cloud-provider:v0.2.5",
      "--csi-driver-image": "rancher/harvester-csi-driver:v0.1.6",
      "--class": "harvester-rke2",
    });
    expect(optionsWith()).toMatchObject({ namespace: "demo", rancherImport: true, fips: false });
  });

  it("are taken from every flag [check 121]", () => {
    expect(
      optionsWith({
        namespace: "team",
        targetNamespace: "vms",
        cpReplicas: "1",
        workerReplicas: "0",
        k8sVersion: "v1.33.1+rke2r2",
        cpu: "4",
        memory: "8Gi",
        cpCpu: "8",
        cpMemory: "16Gi",
        cpDiskSize: "100Gi",
        workerCpu: "16",
        workerMemory: "32Gi",
        workerDiskSize: "200Gi",
        diskSize: "60Gi",
        extraDisk: ["10Gi:fast", "20Gi"],
        sshUser: "root",
        subnetMask: "16",
        ipPoolRefs: "rack-1, rack-2",
        dns: "10.50.0.2,10.50.0.3",
        lbIpam: "pool",
        lbIpPool: "load-balancers",
        podCidr: "10.1.0.0/16",
        servicesCidr: "10.2.0.0/16",
        cniMtu: "9000",
        cniEncapsulation: "None",
        cniBgp: "Enabled",
        mode: "fleet",
        fleetAddonRepo: "https://git.example.com/addons",
        fleetAddonBranch: "stable",
        cloudProviderImage: "registry.example.com/ccm:1",
        csiDriverImage: "registry.example.com/csi:1",
        cisProfile: "cis",
        fips: true,
        rancherImport: false,
        class: "own-class",
      }),
    ).toEqual({
      name: "demo",
      namespace: "team",
      targetNamespace: "vms",
      class: "own-class",
      version: "v1.33.1+rke2r2",
      size: { cpu: 4, memory: "8Gi", diskSize: "60Gi" },
      controlPlane: { replicas: 1, cpu: 8, memory: "16Gi", diskSize: "100Gi" },
      workers: { replicas: 0, cpu: 16, memory: "32Gi", diskSize: "200Gi" },
      image: "default/leap-15",
      extraDisks: [
        { size: "10Gi", storageClass: "fast" },
        { size: "20Gi", storageClass: "longhorn" },
      ],
      sshKeyPair: "default/demo",
      sshUser: "root",
      network: "default/vlan1",
      addresses: {
        from: "pools",
        gateway: "10.50.0.1",
        subnetMask: "255.255.0.0",
        pools: ["rack-1", "rack-2"],
      },
      dnsServers: ["10.50.0.2", "10.50.0.3"],
      loadBalancerPool: "load-balancers",
      cni: { name: "calico", mtu: 9000, encapsulation: "None", bgp: "Enabled" },
      podCidr: "10.1.0.0/16",
      servicesCidr: "10.2.0.0/16",
      cisProfile: "cis",
      fips: true,
      addons: { mode: "fleet", repository: "https://git.example.com/addons", branch: "stable" },
      cloudProviderImage: "registry.example.com/ccm:1",
      csiDriverImage: "registry.example.com/csi:1",
      rancherImport: false,
    });
  });

  it.for(Object.keys(neededAnswers))("name the flag when %s is missing [check 122]", (key) => {
    const problems = problemsWith({ [key]: undefined });
    expect(problems).toHaveLength(1);
    expect(problems[0]).toMatch(new RegExp(`^${flagOf(key)} is missing; give `));
  });

  it("name every flag at once, also those that say something against each other [check 122]", () => {
    const { problems } = readAnswers({
      ...answersWith({ cpReplicas: "2", podCidr: "10.43.0.0/20" }),
      name: "",
      ipPool: "",
    });
    expect(problems.map((problem) => problem.split(" ")[0])).toEqual([
      "--name",
      "--cp-replicas",
      "--ip-pool",
      "--pod-cidr",
    ]);
  });

  it.for([
    ["name", "Demo"],
    ["name", "a".repeat(51)],
    ["namespace", "a.b"],
    ["targetNamespace", "VMs"],
    ["cpReplicas", "2"],
    ["cpReplicas", "0"],
    ["workerReplicas", "-1"],
    ["workerReplicas", "1.5"],
    ["k8sVersion", "1.31"],
    ["k8sVersion", "v1.31.14+k3s1"],
    ["cpu", "0"],
    ["cpu", "two"],
    ["memory", "4"],
    ["memory", "4 GB"],
    ["cpMemory", "1Mi"],
    ["diskSize", "40"],
    ["workerDiskSize", "much"],
    ["image", "a/b/c"],
    ["image", "default/"],
    ["sshKeypair", "De fault/x"],
    ["sshUser", "a b"],
    ["network", "/vlan1"],
    ["gateway", "10.50.0.256"],
    ["gateway", "fd00::1"],
    ["subnetMask", "255.0.255.0"],
    ["subnetMask", "33"],
    ["ipPool", "default/pool"],
    ["ipPoolRefs", "a,default/b"],
    ["dns", "10.50.0.2,dns.example.com"],
    ["lbIpam", "static"],
    ["cni", "flannel"],
    ["podCidr", "10.42.0.0"],
    ["servicesCidr", "fd00::/108"],
    ["cniMtu", "100"],
    ["cniEncapsulation", "vxlan"],
    ["cniBgp", "on"],
    ["mode", "helm"],
    ["fleetAddonRepo", "addons"],
    ["cisProfile", "stig"],
    ["class", "Own"],
  ] as const)("refuse --%s %s with the value and the mend", ([key, value]) => {
    const own = problemsWith({ [key]: value }).filter((problem) => problem.startsWith(`${flagOf(key)} is `));
    expect(own).toHaveLength(1);
    expect(own[0]).toMatch(/^--[a-z0-9-]+ is ".*"; give .+/);
    expect(own[0]).toContain(JSON.stringify(value));
  });

  it("refuse an extra disk without a size", () => {
    expect(problemsWith({ extraDisk: ["longhorn"] })).toEqual([
      '--extra-disk is "longhorn"; give <size>:<StorageClass>, e.g. 10Gi:longhorn',
    ]);
  });

  it.for([
    [{ dhcp: true }, ["--gateway", "--subnet-mask", "--ip-pool"]],
    [{ dhcp: true, gateway: "", subnetMask: "", ipPool: "", dns: "10.0.0.1" }, ["--dns"]],
    [{ lbIpam: "pool" }, ["--lb-ip-pool"]],
    [{ lbIpPool: "load-balancers" }, ["--lb-ip-pool"]],
    [{ mode: "fleet" }, ["--fleet-addon-repo"]],
    [{ mode: "crs", fleetAddonRepo: "https://git.example.com/x" }, ["--fleet-addon-repo"]],
    [{ fleetAddonBranch: "stable" }, ["--fleet-addon-branch"]],
    [{ cni: "cilium", cniBgp: "Enabled" }, ["--cni-bgp"]],
    [{ cniEncapsulation: "IPIP" }, ["--cni-encapsulation"]],
    [{ cni: "none", cniMtu: "9000" }, ["--cni-mtu"]],
    [{ podCidr: "10.43.128.0/17" }, ["--pod-cidr"]],
    [{ servicesCidr: "10.50.0.0/16" }, ["--services-cidr"]],
  ] as const)("of %o contradict each other", ([more, flags]) => {
    expect(problemsWith(more).map((problem) => problem.split(" ")[0])).toEqual(flags);
  });

  it("may leave out the network's addresses with DHCP", () => {
    const options = optionsWith({ dhcp: true, gateway: undefined, subnetMask: undefined, ipPool: undefined });
    expect(options.addresses).toEqual({ from: "dhcp" });
  });

  it.for([
    ["v1.31.14", "v1.31.14+rke2r1"],
    ["1.31.14", "v1.31.14+rke2r1"],
    ["v1.31.14+rke2r1", "v1.31.14+rke2r1"],
    ["v1.31.14+rke2r3", "v1.31.14+rke2r3"],
  ] as const)("have the release of RKE2 once: %s is %s [check 126]", ([given, version]) => {
    expect(optionsWith({ k8sVersion: given }).version).toBe(version);
  });
});
