import {
  MOST_COMPARED,
  isGiven,
  isMask,
  isReference,
  isSubdomain,
  liesIn,
  list,
  text,
} from "#api/admission/cel.ts";
import { clustersAndTemplates, type AdmissionRule, type JudgedKind } from "#api/admission/rule.ts";

/**
 * Rules for `vmNetworkConfig`, which a cluster and a machine may have. `acting` are the kinds that are acted upon, `all` those and their
 * templates.
 */
export function vmNetworkRules(acting: readonly JudgedKind[], all: readonly JudgedKind[]): AdmissionRule[] {
  const config = "vmNetworkConfig";
  const inline = acting.includes("HarvesterCluster") ? ` || ${isGiven(`spec.${config}.ipPool`)}` : "";
  return [
    {
      name: "vmPool",
      kinds: acting,
      field: config,
      judges: "value",
      holds: `!has(spec.${config}) || ${list(`spec.${config}.ipPoolRefs`)}.exists(name, name != '') || ${text(`spec.${config}.ipPoolRef`)} != ''${inline}`,
      problem: "names no pool",
      mend:
        inline === ""
          ? "give ipPoolRefs or ipPoolRef, or leave it out for DHCP"
          : "give ipPoolRefs, ipPoolRef or ipPool, or leave it out for DHCP",
    },
    {
      name: "vmPoolName",
      kinds: all,
      field: `${config}.ipPoolRef`,
      judges: "optional text",
      holds: isSubdomain("value"),
      problem: "cannot be the name of an IPPool",
      mend: "give the name it has on Harvester",
    },
    {
      name: "vmPoolNames",
      kinds: all,
      field: `${config}.ipPoolRefs[]`,
      judges: "entries",
      holds: `item == '' || ${isSubdomain("item")}`,
      problem: "cannot be the name of an IPPool",
      mend: "give the names they have on Harvester",
    },
    {
      name: "vmGateway",
      kinds: all,
      field: `${config}.gateway`,
      judges: "text",
      holds: "isIP(value)",
      problem: "is no IP address",
      mend: "give that of the network's router, such as 10.50.0.1",
    },
    {
      name: "vmSubnetMask",
      kinds: all,
      field: `${config}.subnetMask`,
      judges: "text",
      holds: isMask("value"),
      problem: "is no mask",
      mend: "give the network's in dotted form, such as 255.255.255.0",
    },
    dnsRule("vmDnsServers", config, all),
  ];
}

/** A list whose entries are compared with each other is not too long for that. */
export function mostEntries(name: string, field: string, kinds: readonly JudgedKind[]): AdmissionRule {
  const size = `size(${list(`spec.${field}`)})`;
  return {
    name,
    kinds,
    field,
    judges: "value",
    holds: `${size} <= ${MOST_COMPARED}`,
    problem: `has {{string(${size})}} entries`,
    mend: `give at most ${MOST_COMPARED}`,
  };
}

/** DNS servers of a network. */
export function dnsRule(name: string, config: string, kinds: readonly JudgedKind[]): AdmissionRule {
  return {
    name,
    kinds,
    field: `${config}.dnsServers[]`,
    judges: "entries",
    holds: "isIP(item)",
    problem: "is no IP address",
    mend: "give the address of a DNS server, or remove the entry",
  };
}

/** Rules for a pool that is given inline at `path`. `prefix` keeps their names apart. */
export function inlinePoolRules(prefix: string, path: string): AdmissionRule[] {
  const kinds = clustersAndTemplates;
  const subnet = text(`spec.${path}.subnet`);
  const address = { judges: "optional text", problem: "is no IP address" } as const;
  const outside = { judges: "value", kinds } as const;
  return [
    {
      name: `${prefix}Network`,
      kinds,
      field: `${path}.vmNetwork`,
      judges: "text",
      holds: isReference("value"),
      problem: "is not of the form name or namespace/name",
      mend: "name the VM network the addresses belong to",
    },
    {
      name: `${prefix}Subnet`,
      kinds,
      field: `${path}.subnet`,
      judges: "text",
      holds: "isCIDR(value)",
      problem: "is no subnet",
      mend: "give one in CIDR notation, such as 10.50.0.0/16",
    },
    {
      name: `${prefix}Gateway`,
      kinds,
      field: `${path}.gateway`,
      judges: "text",
      holds: "isIP(value)",
      problem: "is no IP address",
      mend: "give that of the subnet's router, such as 10.50.0.1",
    },
    {
      ...outside,
      name: `${prefix}GatewayInside`,
      field: `${path}.gateway`,
      holds: liesIn(text(`spec.${path}.gateway`), subnet),
      problem: `{{${text(`spec.${path}.gateway`)}}} lies outside ipPool.subnet {{${subnet}}}`,
      mend: "correct one of the two",
    },
    ...(["rangeStart", "rangeEnd"] as const).flatMap((field): AdmissionRule[] => {
      const name = `${prefix}${field === "rangeStart" ? "Start" : "End"}`;
      const value = text(`spec.${path}.${field}`);
      return [
        {
          ...address,
          name,
          kinds,
          field: `${path}.${field}`,
          holds: "isIP(value)",
          mend: "give one of the subnet, or leave it out",
        },
        {
          ...outside,
          name: `${name}Inside`,
          field: `${path}.${field}`,
          holds: liesIn(value, subnet),
          problem: `{{${value}}} lies outside ipPool.subnet {{${subnet}}}`,
          mend: "correct one of the two",
        },
      ];
    }),
  ];
}
