import { gunzipSync } from "node:zlib";
import { parse, parseAllDocuments } from "yaml";
import * as z from "zod";
import type { KubeClient } from "#platform/kube/client.ts";
import { secrets, virtualMachines } from "#platform/kube/resources.ts";

const vmSchema = z.looseObject({
  spec: z.looseObject({
    template: z.looseObject({
      spec: z.looseObject({
        volumes: z.array(
          z.looseObject({
            cloudInitNoCloud: z.looseObject({ secretRef: z.looseObject({ name: z.string() }) }).optional(),
          }),
        ),
      }),
    }),
  }),
});

const cloudConfigSchema = z.looseObject({
  write_files: z.array(z.looseObject({ path: z.string(), content: z.string() })),
  runcmd: z.array(z.union([z.string(), z.array(z.string())])),
});

/** The kinds of documents in kubeadm's configuration that matter here. */
const kubeadmSchema = z.looseObject({ kind: z.string(), controlPlane: z.unknown().optional() });

/** What a machine's cloud-init is told to do with kubeadm. */
export interface KubeadmOrder {
  readonly does: "init" | "join";
  readonly controlPlane: boolean;
}

const COMMANDS = {
  init: { command: "kubeadm init", file: "/run/kubeadm/kubeadm.yaml" },
  join: { command: "kubeadm join", file: "/run/kubeadm/kubeadm-join-config.yaml" },
} as const;

/**
 * Reads the user data of a VM as cloud-init in its guest would. Throws when it is no cloud-config, or one by which no machine would join: what
 * then boots never becomes a Node.
 */
export async function readBootstrapData(
  harvester: KubeClient,
  vm: { readonly namespace: string; readonly name: string },
): Promise<KubeadmOrder> {
  const { volumes } = vmSchema.parse(await harvester.get(virtualMachines, vm)).spec.template.spec;
  const name = volumes.find(({ cloudInitNoCloud }) => cloudInitNoCloud !== undefined)?.cloudInitNoCloud
    ?.secretRef.name;
  if (name === undefined) throw new Error(`VM ${vm.name} has no cloud-init volume`);
  const secret = await harvester.get(secrets, { namespace: vm.namespace, name });
  const { data } = z.looseObject({ data: z.looseObject({ userdata: z.base64() }) }).parse(secret);
  const bytes = Buffer.from(data.userdata, "base64");
  const text = (bytes[0] === 0x1f ? gunzipSync(bytes) : bytes).toString("utf8");
  if (!/^(## template: jinja\n)?#cloud-config\n/.test(text))
    throw new Error(`the user data of VM ${vm.name} does not begin as cloud-config`);
  const { write_files: files, runcmd } = cloudConfigSchema.parse(parse(text));
  const commands = runcmd.flat().join("\n");
  const does = commands.includes(COMMANDS.init.command) ? "init" : "join";
  const { command, file } = COMMANDS[does];
  const content = files.find(({ path }) => path === file)?.content;
  if (!commands.includes(command) || content === undefined)
    throw new Error(`the user data of VM ${vm.name} neither initialises a cluster nor joins one`);
  const documents = parseAllDocuments(content)
    .map((document): unknown => document.toJS())
    .filter((document) => document !== null)
    .map((document) => kubeadmSchema.parse(document));
  const joins = documents.find(({ kind }) => kind === "JoinConfiguration");
  return { does, controlPlane: does === "init" || joins?.controlPlane !== undefined };
}
