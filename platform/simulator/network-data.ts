import { parse } from "yaml";
import * as z from "zod";

const interfaceV1 = z.looseObject({
  type: z.string(),
  name: z.string().optional(),
  subnets: z.array(z.looseObject({ type: z.string(), address: z.string().optional() })).optional(),
});

const networkDataSchema = z.union([
  z.looseObject({ version: z.literal(1), config: z.array(interfaceV1) }),
  z.looseObject({
    version: z.literal(2),
    ethernets: z.record(z.string(), z.looseObject({ addresses: z.array(z.string()).optional() })),
  }),
]);

/** The networks below `network:` when the document has that level, as some generators write it. */
const wrappedSchema = z.looseObject({ network: networkDataSchema });

/**
 * What a guest configures from cloud-init network data, versions 1 and 2 (cloud-init, "Network configuration"): per network
 * interface, in the order of the guest's `eth<i>`, its static address, or undefined where it asks DHCP. Empty when the text is no
 * network data: then cloud-init asks DHCP on the first interface.
 */
export function staticAddresses(networkData: string): readonly (string | undefined)[] {
  const document = parseDocument(networkData);
  if (document === undefined) return [];
  if (document.version === 1) {
    return document.config
      .filter(({ type }) => type === "physical")
      .map(({ subnets }) =>
        withoutPrefix(subnets?.find(({ type }) => type === "static" || type === "static4")?.address),
      );
  }
  return Object.values(document.ethernets).map(({ addresses }) => withoutPrefix(addresses?.[0]));
}

function parseDocument(networkData: string): z.infer<typeof networkDataSchema> | undefined {
  let document: unknown;
  try {
    document = parse(networkData);
  } catch {
    return undefined;
  }
  return networkDataSchema.safeParse(document).data ?? wrappedSchema.safeParse(document).data?.network;
}

function withoutPrefix(address: string | undefined): string | undefined {
  return address?.split("/")[0];
}
