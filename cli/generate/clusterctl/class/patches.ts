import { CLOUD_CONFIG_PREFIX } from "#cli/generate/clusterctl/addons/cloud-config.ts";
import { templates, WORKER_CLASS } from "#cli/generate/clusterctl/class/parts.ts";
import {
  ADMISSION_FILE,
  admissionFile,
  cisCommands,
  fipsCommand,
} from "#cli/generate/clusterctl/hardening.ts";
import type { Manifest } from "#cli/generate/clusterctl/text.ts";

/** An operation on `spec.template.spec` of a template. */
interface Change {
  readonly op: "add" | "replace";
  /** Below that spec, as a JSON pointer. */
  readonly path: string;
  readonly to: Manifest;
}

const fromVariable = (name: string): Manifest => ({ valueFrom: { variable: name } });
const fromTemplate = (template: string): Manifest => ({ valueFrom: { template } });
const plain = (value: unknown): Manifest => ({ value });

const replace = (path: string, to: Manifest): Change => ({ op: "replace", path, to });
const add = (path: string, to: Manifest): Change => ({ op: "add", path, to });

type Place = keyof typeof templates;

const MATCH: Readonly<Record<Place, Manifest>> = {
  cluster: { infrastructureCluster: true },
  controlPlane: { controlPlane: true },
  controlPlaneMachine: { controlPlane: true },
  worker: { machineDeploymentClass: { names: [WORKER_CLASS] } },
  workerMachine: { machineDeploymentClass: { names: [WORKER_CLASS] } },
};

function definition(place: Place, ...changes: readonly Change[]): Manifest {
  const { apiVersion, kind } = templates[place];
  return {
    selector: { apiVersion, kind, matchResources: MATCH[place] },
    jsonPatches: changes.map(({ op, path, to }) => ({ op, path: `/spec/template/spec${path}`, ...to })),
  };
}

interface Patch {
  readonly name: string;
  /** A Go template; the patch is made when it gives `true`. */
  readonly enabledIf?: string;
  readonly definitions: readonly Manifest[];
}

/** A variable that goes to one field of all machines. */
function ofMachines(variable: string, path: string): Patch {
  const change = replace(path, fromVariable(variable));
  return {
    name: variable,
    definitions: [definition("controlPlaneMachine", change), definition("workerMachine", change)],
  };
}

function ofCluster(name: string, ...changes: readonly Change[]): Patch {
  return { name, definitions: [definition("cluster", ...changes)] };
}

/** The variables' values where they belong. A patch has the name of its variable, if it has one. */
export function patches(): Patch[] {
  return [
    ofMachines("vmNetworks", "/networks"),
    ofMachines("volumes", "/volumes"),
    ofMachines("cpuCount", "/cpu"),
    ofMachines("memorySize", "/memory"),
    ofMachines("sshUser", "/sshUser"),
    ofMachines("sshKeyPair", "/sshKeyPair"),
    ofCluster("identitySecretName", replace("/identitySecret/name", fromVariable("identitySecretName"))),
    ofCluster(
      "identitySecretNamespace",
      replace("/identitySecret/namespace", fromTemplate("{{ .builtin.cluster.namespace }}")),
    ),
    ofCluster("targetNamespace", replace("/targetNamespace", fromVariable("targetNamespace"))),
    {
      ...ofCluster("vmNetworkConfig", add("/vmNetworkConfig", fromTemplate(staticNetwork))),
      enabledIf: "{{ if .gateway }}true{{ end }}",
    },
    {
      name: "cni",
      definitions: [definition("controlPlane", replace("/serverConfig/cni", fromVariable("cni")))],
    },
    cisProfile,
    nodePreparation,
    ofCluster(
      "csiAddonConfigMap",
      replace(
        "/updateCloudProviderConfig/manifestsConfigMapName",
        fromTemplate(`${CLOUD_CONFIG_PREFIX}{{ .builtin.cluster.name }}`),
      ),
    ),
    ofCluster(
      "csiAddonConfigMapNamespace",
      replace(
        "/updateCloudProviderConfig/manifestsConfigMapNamespace",
        fromTemplate("{{ .builtin.cluster.namespace }}"),
      ),
    ),
  ];
}

/** Addresses from pools. Several pools win over one; without a gateway machines use DHCP and none of this is there. */
const staticNetwork = `gateway: {{ .gateway | quote }}
subnetMask: {{ .subnetMask | quote }}
{{ if .ipPoolRefs }}ipPoolRefs: {{ .ipPoolRefs | toJson }}
{{ else if .ipPoolRef }}ipPoolRef: {{ .ipPoolRef | quote }}
{{ end }}{{ if .dnsServers }}dnsServers: {{ .dnsServers | toJson }}
{{ end }}`;

const profile = add("/agentConfig/cisProfile", fromVariable("cisProfile"));

const cisProfile: Patch = {
  name: "cisProfile",
  enabledIf: "{{ if .cisProfile }}true{{ end }}",
  definitions: [
    definition(
      "controlPlane",
      profile,
      add("/agentConfig/podSecurityAdmissionConfigFile", plain(ADMISSION_FILE)),
      add("/files", plain([admissionFile])),
    ),
    definition("worker", profile),
  ],
};

/** One list for both: a second patch would replace what the first has put there. */
const commands = `{{ if .fipsRequired }}${items([fipsCommand])}{{ end }}{{ if .cisProfile }}${items(cisCommands)}{{ end }}`;

function items(lines: readonly string[]): string {
  return lines.map((line) => `- ${JSON.stringify(line)}\n`).join("");
}

const prepare = add("/preRKE2Commands", fromTemplate(commands));

const nodePreparation: Patch = {
  name: "nodePreparation",
  enabledIf: "{{ if or .cisProfile .fipsRequired }}true{{ end }}",
  definitions: [definition("controlPlane", prepare), definition("worker", prepare)],
};
