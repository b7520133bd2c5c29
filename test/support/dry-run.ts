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
  return send(
    plane,
    { method: "PATCH", path: `${path}?${query}`, type: "application/apply-patch+yaml" },
    object,
  );
}

/** Whether RBAC lets a user do something to a resource (Kubernetes documentation, "Checking API access"). */
export async function mayDo(
  plane: ControlPlane,
  user: string,
  resourceAttributes: Readonly<Record<string, string>>,
): Promise<boolean> {
  const path = "/apis/authorization.k8s.io/v1/subjectaccessreviews";
  const review = {
    apiVersion: "authorization.k8s.io/v1",
    kind: "SubjectAccessReview",
    spec: { user, resourceAttributes },
  };
  const { body } = await send(plane, { method: "POST", path, type: "application/json" }, review);
  return (JSON.parse(body) as { status: { allowed: boolean } }).status.allowed;
}

interface Question {
  readonly method: string;
  readonly path: string;
  /** Of the content. */
  readonly type: string;
}

function send(
  plane: ControlPlane,
  { method, path, type }: Question,
  content: unknown,
): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    const headers = { authorization: `Bearer ${plane.adminToken}`, "content-type": type };
    const sent = request(new URL(path, plane.server), { method, ca: plane.caPem, headers });
    sent.on("error", reject);
    sent.on("response", (answer) => {
      const parts: Buffer[] = [];
      answer.on("error", reject);
      answer.on("data", (part: Buffer) => parts.push(part));
      answer.on("end", () =>
        resolve({ status: answer.statusCode ?? 0, body: Buffer.concat(parts).toString("utf8") }),
      );
    });
    sent.end(JSON.stringify(content));
  });
}
