import * as z from "zod";
import { createApiRequests } from "#platform/kube/api-requests.ts";
import type { ApiRequestsOptions } from "#platform/kube/api-requests.ts";
import type { ApiRequest } from "#platform/kube/api-request.ts";
import type { KubeClient, PatchOptions, RequestOptions } from "#platform/kube/client.ts";
import type { ConnectionConfig } from "#platform/kube/connection-config.ts";
import { KubeError, isKubeError } from "#platform/kube/errors.ts";
import { listPages } from "#platform/kube/object-list.ts";
import { receiveObject } from "#platform/kube/received-object.ts";
import type { KubeObject, ObjectName, ResourceType } from "#platform/kube/resource.ts";
import { serviceAccounts } from "#platform/kube/resources.ts";
import { notSent } from "#platform/kube/transport-error.ts";
import { watchResource } from "#platform/kube/watch.ts";
import type { WatchTuning } from "#platform/kube/watch.ts";

export interface KubeClientOptions extends ApiRequestsOptions {
  /** Uniform in [0, 1); `Math.random` by default. Spreads the ends and the retries of watches. */
  readonly random?: (() => number) | undefined;
  readonly watch?: WatchTuning | undefined;
}

/**
 * The client of one API server. It opens no connection until the first request.
 *
 * @throws KubeError `invalid` when `config.server` is no URL.
 */
export function createKubeClient(config: ConnectionConfig, options: KubeClientOptions): KubeClient {
  const requests = createApiRequests(config, options);
  const { connection } = config;
  const lists = { streaming: true };

  async function one(request: ApiRequest): Promise<KubeObject> {
    const received = receiveObject(await requests.call(request), request.type);
    if (received !== undefined) return received.object;
    throw new KubeError({
      reason: "unavailable",
      status: 200,
      dependency: connection,
      message: `${connection}: ${request.verb} ${request.type.plural}: the answer is not a Kubernetes object`,
    });
  }

  function patch(
    type: ResourceType,
    name: ObjectName,
    sent: { contentType: string; body: unknown; repeatable: boolean; force?: boolean; strict?: boolean },
    options: PatchOptions,
  ): Promise<KubeObject> {
    const { contentType, body, repeatable, force, strict } = sent;
    const fieldValidation = strict === true ? "Strict" : undefined;
    const dryRun = options.dryRun === true ? "All" : undefined;
    return one({
      verb: "patch",
      type,
      namespace: name.namespace,
      name: name.name,
      subresource: options.subresource,
      query: { fieldManager: options.fieldManager, force, fieldValidation, dryRun },
      contentType,
      body,
      repeatable,
      ...boundsOf(options),
    });
  }

  const get: KubeClient["get"] = async (type, name, options) => {
    try {
      const { signal } = options ?? {};
      const { namespace } = name;
      return await one({ verb: "get", type, namespace, name: name.name, repeatable: true, signal });
    } catch (error) {
      if (isKubeError(error, "notFound")) return undefined;
      throw error;
    }
  };

  return {
    connection,
    get,
    list: async function* (type, options = {}) {
      for await (const page of listPages(requests, type, options)) {
        for (const received of page.objects) yield received.object;
      }
    },
    create: async (type, object, options) => {
      const { namespace } = object.metadata;
      const request: ApiRequest = {
        verb: "create",
        type,
        namespace,
        body: object,
        repeatable: false,
        ...boundsOf(options),
        background: options?.background,
      };
      if (type.namespaced && namespace === undefined) {
        throw notSent(
          connection,
          request,
          `${type.kind} is namespaced: metadata.namespace is missing; set it`,
        );
      }
      return one(request);
    },
    replace: (type, object, options) =>
      one({
        verb: "update",
        type,
        namespace: object.metadata.namespace,
        name: object.metadata.name,
        body: object,
        repeatable: true,
        ...boundsOf(options),
      }),
    delete: async (type, name, options) => {
      const body = {
        apiVersion: "v1",
        kind: "DeleteOptions",
        preconditions: { uid: options.uid },
        ...(options.propagation === undefined ? {} : { propagationPolicy: options.propagation }),
      };
      try {
        // Not repeated: a 404 of the repetition would read as "was absent" although this request removed it.
        await requests.call({
          verb: "delete",
          type,
          namespace: name.namespace,
          name: name.name,
          body,
          repeatable: false,
          ...boundsOf(options),
        });
        return true;
      } catch (error) {
        if (isKubeError(error, "notFound")) return false;
        if (!isKubeError(error, "conflict")) throw error;
        if (error.detail === "uidMismatch") return false;
        // The wording of a failed precondition is no contract, so any other conflict is looked into.
        const present = await get(type, name, options);
        if (present?.metadata.uid !== options.uid) return false;
        throw error;
      }
    },
    deleteCollection: async (type, { namespace, labels, gracePeriodSeconds, ...options }) => {
      const request: ApiRequest = {
        verb: "deletecollection",
        type,
        namespace,
        repeatable: true,
        ...boundsOf(options),
      };
      const labelSelector = equalitySelector(labels);
      if (labelSelector === undefined || namespace === "") {
        throw notSent(
          connection,
          request,
          "namespace, or a label or its value, is empty or malformed, so it would delete more than meant; name the owner in a label",
        );
      }
      await requests.call({ ...request, query: { labelSelector, gracePeriodSeconds } });
    },
    mergePatch: (type, name, body, options = {}) =>
      patch(type, name, { contentType: "application/merge-patch+json", body, repeatable: true }, options),
    jsonPatch: (type, name, operations, options = {}) => {
      // Without a test, `add` to a list would add twice.
      const repeatable = operations.some((operation) => operation.op === "test");
      return patch(
        type,
        name,
        { contentType: "application/json-patch+json", body: operations, repeatable },
        options,
      );
    },
    apply: (type, object, options) => {
      const { namespace, name } = object.metadata;
      const contentType = "application/apply-patch+yaml";
      const force = options.force === true;
      return patch(
        type,
        { namespace, name },
        { contentType, body: object, repeatable: true, force, strict: true },
        options,
      );
    },
    requestToken: async ({ namespace, name }, { expirationSeconds, ...options }) => {
      const answer = await requests.call({
        verb: "create",
        type: serviceAccounts,
        namespace,
        name,
        subresource: "token",
        body: {
          apiVersion: "authentication.k8s.io/v1",
          kind: "TokenRequest",
          spec: { expirationSeconds },
        },
        // Nothing is stored, so asking twice does no harm.
        repeatable: true,
        ...boundsOf(options),
      });
      const issued = tokenSchema.safeParse(answer).data?.status;
      if (issued !== undefined) return { token: issued.token, expires: issued.expirationTimestamp };
      throw new KubeError({
        reason: "unavailable",
        status: 200,
        dependency: connection,
        message: `${connection}: create serviceaccounts/token: the answer holds no token`,
      });
    },
    review: (type, body, options) =>
      requests.call({ verb: "create", type, body, repeatable: true, asks: true, signal: options?.signal }),
    watch: (type, watched) =>
      watchResource(
        {
          requests,
          lists,
          clock: options.clock,
          random: options.random ?? Math.random,
          tuning: options.watch ?? {},
        },
        type,
        watched,
      ),
    close: () => requests.close(),
  };
}

const tokenSchema = z.looseObject({
  status: z.looseObject({ token: z.string().min(1), expirationTimestamp: z.iso.datetime() }),
});

/** What may still keep a write from being sent. */
function boundsOf({ signal, mayWrite }: RequestOptions = {}): Pick<ApiRequest, "signal" | "mayWrite"> {
  return { signal, mayWrite };
}

/** Characters of label keys and values (Kubernetes, "Labels and Selectors"); anything else could widen the selector. */
const labelKey = /^[A-Za-z0-9][A-Za-z0-9._/-]*$/;
const labelValue = /^[A-Za-z0-9][A-Za-z0-9._-]*$/;

function equalitySelector(labels: Readonly<Record<string, string>>): string | undefined {
  const terms = Object.entries(labels);
  const plain = terms.every(([key, value]) => labelKey.test(key) && labelValue.test(value));
  return plain && terms.length > 0 ? terms.map(([key, value]) => `${key}=${value}`).join(",") : undefined;
}
