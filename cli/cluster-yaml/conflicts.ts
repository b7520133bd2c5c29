import { clusterFlags, flagOf } from "#cli/cluster-yaml/flags.ts";
import type { Answers } from "#cli/cluster-yaml/options.ts";
import { parseCidr, parseIp, subnetBounds, type Bounds } from "#platform/harvester/ip-address.ts";

/** What answers say against each other, each with the mend. Looks at them as they were given, so that it finds these besides all else. */
export function conflictsIn(answers: Answers): string[] {
  return [
    ...addresses(answers),
    ...loadBalancer(answers),
    ...delivery(answers),
    ...cni(answers),
    ...blocks(answers),
  ];
}

function given(answers: Answers, key: string): string | undefined {
  const value = answers[key];
  return typeof value === "string" ? value : undefined;
}

/** Given, and not what would be taken anyway. */
function chosen(answers: Answers, key: string): string | undefined {
  const value = given(answers, key);
  return value === clusterFlags.find((flag) => flag.key === key)?.fallback ? undefined : value;
}

function addresses(answers: Answers): string[] {
  const pools = given(answers, "ipPoolRefs") ?? given(answers, "ipPool");
  if (answers["dhcp"] === true) {
    return ["gateway", "subnetMask", "ipPool", "ipPoolRefs", "dns"]
      .filter((key) => given(answers, key) !== undefined)
      .map((key) => `${flagOf(key)} says nothing with --dhcp; leave one of them out`);
  }
  const missing = [
    ["gateway", "the gateway of the VM network"],
    ["subnetMask", "the mask of the VM network, e.g. 255.255.0.0"],
  ] as const;
  return [
    ...missing
      .filter(([key]) => given(answers, key) === undefined)
      .map(([key, mend]) => `${flagOf(key)} is missing; give ${mend}, or --dhcp`),
    ...(pools === undefined
      ? [
          "--ip-pool is missing; give the name of an IPPool of Harvester, or several with --ip-pool-refs, or --dhcp",
        ]
      : []),
  ];
}

function loadBalancer(answers: Answers): string[] {
  const pool = given(answers, "lbIpPool");
  const fromPool = given(answers, "lbIpam") === "pool";
  if (fromPool && pool === undefined)
    return ["--lb-ip-pool is missing; give the name of an IPPool of Harvester, or --lb-ipam dhcp"];
  return !fromPool && pool !== undefined
    ? ["--lb-ip-pool says nothing with --lb-ipam dhcp; add --lb-ipam pool, or leave it out"]
    : [];
}

function delivery(answers: Answers): string[] {
  const mode = given(answers, "mode");
  const repository = given(answers, "fleetAddonRepo");
  if (mode === "fleet" && repository === undefined)
    return ["--fleet-addon-repo is missing; give the URL of a Git repository, or --mode crs"];
  if (mode === "crs" && repository !== undefined)
    return ["--fleet-addon-repo says nothing with --mode crs; leave one of them out"];
  return repository === undefined && chosen(answers, "fleetAddonBranch") !== undefined
    ? ["--fleet-addon-branch says nothing without --fleet-addon-repo; give both, or none"]
    : [];
}

function cni(answers: Answers): string[] {
  const name = given(answers, "cni");
  if (name === undefined || name === "calico") {
    const encapsulation = given(answers, "cniEncapsulation") ?? "";
    const routed = /^(None|IPIP)/.test(encapsulation);
    return routed && given(answers, "cniBgp") !== "Enabled"
      ? [
          `--cni-encapsulation ${encapsulation} needs BGP; add --cni-bgp Enabled, or take VXLAN or VXLANCrossSubnet`,
        ]
      : [];
  }
  const keys = ["cniEncapsulation", "cniBgp", ...(name === "none" ? ["cniMtu"] : [])];
  return keys
    .filter((key) => chosen(answers, key) !== undefined)
    .map((key) => `${flagOf(key)} says nothing with --cni ${name}; leave it out`);
}

/** An address that is in two of these blocks leads to one of two places. */
function blocks(answers: Answers): string[] {
  const pods = block(given(answers, "podCidr"));
  const services = block(given(answers, "servicesCidr"));
  const found: string[] = [];
  if (
    pods !== undefined &&
    services !== undefined &&
    pods.first <= services.last &&
    services.first <= pods.last
  )
    found.push("--pod-cidr and --services-cidr overlap; give blocks that have no address in common");
  const gateway = parseIp(given(answers, "gateway") ?? "")?.value;
  for (const [flag, bounds] of [
    ["--pod-cidr", pods],
    ["--services-cidr", services],
  ] as const) {
    if (gateway !== undefined && bounds !== undefined && bounds.first <= gateway && gateway <= bounds.last)
      found.push(
        `${flag} contains the gateway of the VM network; give a block that the VM network does not use`,
      );
  }
  return found;
}

function block(cidr: string | undefined): Bounds | undefined {
  const subnet = cidr === undefined ? undefined : parseCidr(cidr);
  return subnet?.family === 4 ? subnetBounds(subnet) : undefined;
}
