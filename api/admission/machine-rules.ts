import {
  flag,
  isGiven,
  isMask,
  isPositiveQuantity,
  isPrefixLength,
  isReference,
  isUnique,
  liesIn,
  text,
} from "#api/admission/cel.ts";
import { dnsRule, mostEntries, vmNetworkRules } from "#api/admission/network-rules.ts";
import { machines, machinesAndTemplates, type AdmissionRule } from "#api/admission/rule.ts";

const FORM = "is not of the form name or namespace/name";

const basics: readonly AdmissionRule[] = [
  {
    name: "cpu",
    kinds: machines,
    field: "cpu",
    judges: "value",
    holds: "spec.?cpu.orValue(0) >= 1",
    problem: "is {{string(spec.?cpu.orValue(0))}}",
    mend: "give the number of cores, at least 1",
  },
  {
    name: "memory",
    kinds: machinesAndTemplates,
    field: "memory",
    judges: "text",
    holds: isPositiveQuantity("value"),
    problem: "is no quantity above zero",
    mend: "give one such as 8Gi",
  },
  {
    name: "sshUser",
    kinds: machines,
    field: "sshUser",
    judges: "text",
    holds: "value != ''",
    problem: "is no user",
    mend: "name the user of the image that logs in by SSH",
  },
  {
    name: "sshKeyPair",
    kinds: machinesAndTemplates,
    field: "sshKeyPair",
    judges: "text",
    holds: isReference("value"),
    problem: FORM,
    mend: "name the KeyPair of Harvester, such as default/operators",
  },
  {
    name: "networks",
    kinds: machines,
    field: "networks",
    judges: "value",
    holds: "size(spec.?networks.orValue([])) > 0",
    problem: "is empty",
    mend: "give at least one VM network, such as default/vlan1",
  },
  {
    name: "networkNames",
    kinds: machinesAndTemplates,
    field: "networks[]",
    judges: "entries",
    holds: isReference("item"),
    problem: FORM,
    mend: "name a VM network, such as default/vlan1",
  },
  {
    name: "secureBoot",
    kinds: machinesAndTemplates,
    field: "firmware.secureBoot",
    judges: "value",
    holds: `!${flag("spec.firmware.secureBoot")} || ${flag("spec.firmware.efi")}`,
    problem: "is true without spec.firmware.efi",
    mend: "set efi to true, or leave out secureBoot",
  },
  {
    name: "tpmPersistent",
    kinds: machinesAndTemplates,
    field: "tpm.persistent",
    judges: "value",
    holds: `!${flag("spec.tpm.persistent")} || ${flag("spec.tpm.enabled")}`,
    problem: "is true without spec.tpm.enabled",
    mend: "set enabled to true, or leave out persistent",
  },
];

const volumes: readonly AdmissionRule[] = [
  {
    name: "volumes",
    kinds: machines,
    field: "volumes",
    judges: "value",
    holds: "size(spec.?volumes.orValue([])) > 0",
    problem: "is empty",
    mend: "give at least the disk to boot from",
  },
  mostEntries("volumesMany", "volumes", machinesAndTemplates),
  {
    // v1alpha1 has no enum, so there this is all that speaks.
    name: "volumeType",
    kinds: machinesAndTemplates,
    field: "volumes[].volumeType",
    judges: "entries",
    holds: `${text("item.volumeType")} in ['image', 'storageClass']`,
    problem: "is neither image nor storageClass",
    mend: "use one of the two",
  },
  {
    name: "imageName",
    kinds: machines,
    field: "volumes[].imageName",
    judges: "entries",
    holds: `${text("item.volumeType")} != 'image' || ${text("item.imageName")} != ''`,
    problem: "is missing, and volumeType is image",
    mend: "name the VM image, such as default/ubuntu-24.04",
  },
  {
    name: "imageNameForm",
    kinds: machinesAndTemplates,
    field: "volumes[].imageName",
    judges: "entries",
    holds: `${text("item.imageName")} == '' || ${isReference("item.imageName")}`,
    problem: FORM,
    mend: "name the VM image, such as default/ubuntu-24.04",
  },
  {
    name: "storageClass",
    kinds: machines,
    field: "volumes[].storageClass",
    judges: "entries",
    holds: `${text("item.volumeType")} != 'storageClass' || ${text("item.storageClass")} != ''`,
    problem: "is missing, and volumeType is storageClass",
    mend: "name the StorageClass of Harvester",
  },
  {
    name: "volumeSize",
    kinds: machines,
    field: "volumes[].volumeSize",
    judges: "entries",
    holds: isGiven("item.volumeSize"),
    problem: "is missing",
    mend: "give a size such as 40Gi",
  },
  {
    name: "volumeSizeForm",
    kinds: machinesAndTemplates,
    field: "volumes[].volumeSize",
    judges: "entries",
    holds: `!${isGiven("item.volumeSize")} || [string(item.volumeSize)].all(size, ${isPositiveQuantity("size")})`,
    problem: "is no quantity above zero",
    mend: "give a size such as 40Gi",
  },
  {
    name: "bootOrder",
    kinds: machinesAndTemplates,
    field: "volumes[].bootOrder",
    judges: "entries",
    compares: "item.?bootOrder.orValue(0)",
    holds: `own <= 0 || ${isUnique}`,
    problem: "is that of another volume too",
    mend: "give each its own place, or 0",
  },
];

/** The prefix length of each dotted mask is its place in this list. */
const dottedMasks = Array.from({ length: 33 }, (_, bits) =>
  [0, 8, 16, 24].map((before) => 256 - 2 ** (8 - Math.min(8, Math.max(0, bits - before)))).join("."),
);

const fixed = "networkConfig";
const mask = text(`spec.${fixed}.subnetMask`);
/** Empty when no mask is given. CEL has no arithmetic on addresses, hence the list. */
const ownSubnet = `[${mask}].map(m, m == '' ? '' : ${text(`spec.${fixed}.address`)} + '/' + (m in ${JSON.stringify(dottedMasks)} ? string(${JSON.stringify(dottedMasks)}.indexOf(m)) : m.replace('/', '')))[0]`;

const fixedAddress: readonly AdmissionRule[] = [
  {
    name: "address",
    kinds: machinesAndTemplates,
    field: `${fixed}.address`,
    judges: "text",
    holds: "isIP(value)",
    problem: "is no IP address",
    mend: "give one such as 10.50.0.40",
  },
  {
    name: "gateway",
    kinds: machinesAndTemplates,
    field: `${fixed}.gateway`,
    judges: "text",
    holds: "isIP(value)",
    problem: "is no IP address",
    mend: "give that of the network's router, such as 10.50.0.1",
  },
  {
    name: "subnetMask",
    kinds: machinesAndTemplates,
    field: `${fixed}.subnetMask`,
    judges: "optional text",
    holds: `${isMask("value")} || ${isPrefixLength("value")}`,
    problem: "is no mask",
    mend: "give one such as 255.255.255.0 or 24",
  },
  {
    name: "gatewayInside",
    kinds: machinesAndTemplates,
    field: `${fixed}.gateway`,
    judges: "value",
    holds: liesIn(text(`spec.${fixed}.gateway`), ownSubnet),
    problem: `{{${text(`spec.${fixed}.gateway`)}}} lies outside the network {{${ownSubnet}}} of address and subnetMask`,
    mend: "correct one of the three",
  },
  dnsRule("dnsServers", fixed, machinesAndTemplates),
  {
    name: "oneNetworkConfig",
    kinds: machinesAndTemplates,
    field: "vmNetworkConfig",
    judges: "value",
    holds: `!has(spec.vmNetworkConfig) || !has(spec.${fixed})`,
    problem: `stands next to spec.${fixed}, which would win`,
    mend: "give one of the two",
  },
  {
    name: "inlinePool",
    kinds: machinesAndTemplates,
    field: "vmNetworkConfig.ipPool",
    judges: "value",
    holds: `!${isGiven("spec.vmNetworkConfig.ipPool")}`,
    problem: "is for the HarvesterCluster only",
    mend: "give it there, or name a pool in ipPoolRefs or ipPoolRef",
  },
];

/** What a HarvesterMachine and its template must keep, whatever they were before. */
export const machineRules: readonly AdmissionRule[] = [
  ...basics,
  ...volumes,
  ...fixedAddress,
  ...vmNetworkRules(machines, machinesAndTemplates),
];
