import { request } from "node:https";
import type { ControlPlane } from "#platform/control-plane/control-plane.ts";
import { resourceTypeOf } from "#platform/control-plane/install-manifests.ts";
import type { NewObject } from "#platform/kube/resource.ts";

/** What an API server says to the object, unknown fields refused. Nothing is kept. */
export function dryRun(plane: ControlPlane, object: NewObject): Promise<{ status: number; body: string }> {
  const { group, version, plural } = resourceTypeOf(object);
  const { name, namespace } = object.metadata;
  const path = [
    group === "" ? `/api/${version}` : `/apis/${group}/${version}`,
    ...(namespace === undefined ? [] : ["namespaces", namespace]),
    plural,
    name,
  ].join("/");
  const query = "dryRun=All&fieldValidation=Strict&fieldManager=test&force=true";
  return new Promise((resolve, reject) => {
    const sent = request(new URL(`${path}?${query}`, plane.server), {
      method: "PATCH",
      ca: plane.caPem,
      headers: {
        authorization: `Bearer ${plane.adminToken}`,
        "content-type": "application/apply-patch+yaml",
      },
    });
    sent.on("error", reject);
    sent.on("response", (answer) => {
      const parts: Buffer[] = [];
      answer.on("error", reject);
      answer.on("data", (part: Buffer) => parts.push(part));
      answer.on("end", () =>
        resolve({ status: answer.statusCode ?? 0, body: Buffer.concat(parts).toString("utf8") }),
      );
    });
    sent.end(JSON.stringify(object));
  });
}
