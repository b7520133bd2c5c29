import { parseDocument } from "yaml";
import * as z from "zod";
import type { ClientIdentity } from "#platform/kube/connection-config.ts";
import { KubeconfigError } from "#platform/kube/kubeconfig.ts";

const namesSchema = z.looseObject({
  "current-context": z.string(),
  contexts: z.array(z.looseObject({ name: z.string(), context: z.looseObject({ user: z.string() }) })),
  users: z.array(z.looseObject({ name: z.string() })),
});

/**
 * The kubeconfig with another client certificate for the user of its current context; everything else, comments included, stays as it is.
 *
 * @throws KubeconfigError when that user is not there; the message says nothing of the content.
 */
export function withClientCertificate(kubeconfig: string, identity: ClientIdentity): string {
  const document = parseDocument(kubeconfig, { prettyErrors: false, logLevel: "silent" });
  const names = namesSchema.safeParse(document.errors.length === 0 ? document.toJS() : undefined).data;
  const context = names?.contexts.find(({ name }) => name === names["current-context"]);
  const at = names?.users.findIndex(({ name }) => name === context?.context.user) ?? -1;
  if (at < 0)
    throw new KubeconfigError("kubeconfig has no user for its current-context; name one of its users");
  const encode = (pem: string): string => Buffer.from(pem, "utf8").toString("base64");
  document.setIn(["users", at, "user", "client-certificate-data"], encode(identity.certPem));
  document.setIn(["users", at, "user", "client-key-data"], encode(identity.keyPem));
  return document.toString({ lineWidth: 0 });
}
