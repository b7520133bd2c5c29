import type { StepClient } from "#functions/contract/deps.ts";
import type { DeleteCollectionOptions, JsonPatchOperation } from "#platform/kube/client.ts";
import { KubeError, type KubeErrorReason } from "#platform/kube/errors.ts";
import {
  apiVersionOf,
  kubeObjectSchema,
  type KubeObject,
  type ObjectName,
  type ResourceType,
} from "#platform/kube/resource.ts";
import { serviceAccounts } from "#platform/kube/resources.ts";
import { keyOf, keyOfObject, parseSelector } from "#test/support/object-keys.ts";
import { merge, operate } from "#test/support/patches.ts";

export type Verb =
  | "get"
  | "list"
  | "create"
  | "replace"
  | "delete"
  | "deleteCollection"
  | "mergePatch"
  | "jsonPatch"
  | "apply";

export interface RecordedRequest {
  readonly api: string;
  readonly verb: Verb;
  readonly plural: string;
  readonly namespace?: string | undefined;
  readonly name?: string | undefined;
  readonly subresource?: string | undefined;
  /** Manifest, patch, operations, or the options of a delete. */
  readonly body?: unknown;
}

interface Fault {
  readonly matches: (request: RecordedRequest) => boolean;
  readonly error: Error;
  readonly moment: "before" | "after";
  left: number;
}

interface Wiring {
  readonly requests: RecordedRequest[];
  readonly faultAt: (n: number, moment: "before" | "after") => Error | undefined;
}

type Json = Record<string, unknown>;

/**
 * One API server in memory, as far as steps can tell: optimistic locking, AlreadyExists, uid preconditions, finalizers, merge patch
 * (RFC 7386), JSON patch (RFC 6902: add, remove, replace, test), label selectors by equality. It records every request.
 */
export class FakeApi implements StepClient {
  readonly connection: string;
  /** How many tokens were asked for. */
  tokens = 0;
  tokensFrom = "2026-01-01T00:00:00Z";
  /** Longer lives are cut, as an API server may. */
  longestTokenSeconds = Infinity;
  readonly #objects = new Map<string, KubeObject>();
  readonly #faults: Fault[] = [];
  readonly #wiring: Wiring;
  #version = 100;
  #beforeWrite: (() => void) | undefined;

  constructor(connection: string, wiring: Wiring) {
    this.connection = connection;
    this.#wiring = wiring;
  }

  /** Puts an object there, as somebody else would: no request is recorded. */
  put(object: object): KubeObject {
    const raw = structuredClone(object) as { metadata: Json; kind: string };
    const metadata = {
      uid: `uid-${raw.kind}-${String(raw.metadata["name"])}`,
      ...raw.metadata,
      resourceVersion: this.#nextVersion(raw.metadata["resourceVersion"]),
    };
    const made = kubeObjectSchema.parse({ ...raw, metadata });
    this.#objects.set(keyOfObject(made), made);
    return structuredClone(made);
  }

  /** The object as it is now, without a request; undefined when absent. */
  peek(type: ResourceType, name: ObjectName): KubeObject | undefined {
    const found = this.#objects.get(keyOf(type, name));
    return found === undefined ? undefined : structuredClone(found);
  }

  /** Every object there is. */
  all(): KubeObject[] {
    return structuredClone([...this.#objects.values()]);
  }

  /** Takes an object away, as somebody else would. */
  drop(type: ResourceType, name: ObjectName): void {
    this.#objects.delete(keyOf(type, name));
  }

  /** The next `times` requests that match fail: before they take effect, or after (the answer is lost). */
  failOn(
    match: { verb?: Verb; plural?: string; name?: string },
    error: Error,
    options: { moment?: "before" | "after"; times?: number } = {},
  ): void {
    this.#faults.push({
      matches: (request) =>
        (match.verb === undefined || match.verb === request.verb) &&
        (match.plural === undefined || match.plural === request.plural) &&
        (match.name === undefined || match.name === request.name),
      error,
      moment: options.moment ?? "before",
      left: options.times ?? 1,
    });
  }

  /** Runs once, right before the next write takes effect: somebody else was quicker. */
  beforeNextWrite(act: () => void): void {
    this.#beforeWrite = act;
  }

  async get(type: ResourceType, name: ObjectName): Promise<KubeObject | undefined> {
    return this.#request({ verb: "get", type, namespace: name.namespace, name: name.name }, () =>
      this.peek(type, name),
    );
  }

  async *list(
    type: ResourceType,
    options: { namespace?: string | undefined; labelSelector?: string | undefined } = {},
  ): AsyncIterable<KubeObject> {
    const found = await this.#request(
      { verb: "list", type, namespace: options.namespace, body: { labelSelector: options.labelSelector } },
      () => this.#select(type, options.namespace, parseSelector(options.labelSelector)),
    );
    yield* found;
  }

  async create(type: ResourceType, object: object): Promise<KubeObject> {
    const raw = structuredClone(object) as { metadata: Json };
    const name = {
      namespace: raw.metadata["namespace"] as string | undefined,
      name: String(raw.metadata["name"]),
    };
    return this.#request(
      { verb: "create", type, namespace: name.namespace, name: name.name, body: object },
      () => {
        if (this.#objects.has(keyOf(type, name))) throw this.#error("alreadyExists", type, name, 409);
        return this.put({
          ...raw,
          metadata: {
            uid: `uid-${this.#version}`,
            creationTimestamp: "2026-01-01T00:00:00Z",
            generation: 1,
            ...raw.metadata,
          },
        });
      },
    );
  }

  async replace(type: ResourceType, object: KubeObject): Promise<KubeObject> {
    const name = object.metadata;
    return this.#request(
      { verb: "replace", type, namespace: name.namespace, name: name.name, body: object },
      () => this.#write(type, name, () => structuredClone(object)),
    );
  }

  async mergePatch(
    type: ResourceType,
    name: ObjectName,
    patch: Json,
    options?: { subresource?: "status" | "approval" | undefined },
  ): Promise<KubeObject> {
    return this.#request(
      {
        verb: "mergePatch",
        type,
        namespace: name.namespace,
        name: name.name,
        subresource: options?.subresource,
        body: patch,
      },
      () => this.#write(type, name, (now) => kubeObjectSchema.parse(merge(now, patch))),
    );
  }

  async jsonPatch(
    type: ResourceType,
    name: ObjectName,
    operations: JsonPatchOperation[],
    options?: { subresource?: "status" | "approval" | undefined },
  ): Promise<KubeObject> {
    return this.#request(
      {
        verb: "jsonPatch",
        type,
        namespace: name.namespace,
        name: name.name,
        subresource: options?.subresource,
        body: operations,
      },
      () =>
        this.#write(type, name, (now) => {
          const next = structuredClone(now);
          for (const operation of operations) {
            if (!operate(next, operation)) throw this.#error("invalid", type, name, 422);
          }
          return next;
        }),
    );
  }

  async apply(type: ResourceType, object: object): Promise<KubeObject> {
    const raw = object as { metadata: Json };
    const name = {
      namespace: raw.metadata["namespace"] as string | undefined,
      name: String(raw.metadata["name"]),
    };
    return this.#request(
      { verb: "apply", type, namespace: name.namespace, name: name.name, body: object },
      () =>
        this.#objects.has(keyOf(type, name))
          ? this.#write(type, name, (now) => kubeObjectSchema.parse(merge(now, object)))
          : this.put(object),
    );
  }

  async delete(type: ResourceType, name: ObjectName, options: { uid: string }): Promise<boolean> {
    return this.#request(
      { verb: "delete", type, namespace: name.namespace, name: name.name, body: { uid: options.uid } },
      () => {
        const found = this.#objects.get(keyOf(type, name));
        if (found === undefined || found.metadata.uid !== options.uid) return false;
        this.#remove(found);
        return true;
      },
    );
  }

  /** Tokens are numbered in the order they are asked for; they live as long as they are asked for, from `tokensFrom` on. */
  async requestToken(account: ObjectName, options: { expirationSeconds: number }) {
    const { expirationSeconds } = options;
    return this.#request(
      {
        verb: "create",
        type: serviceAccounts,
        ...account,
        subresource: "token",
        body: { expirationSeconds },
      },
      () => {
        if (!this.#objects.has(keyOf(serviceAccounts, account)))
          throw this.#error("notFound", serviceAccounts, account, 404);
        this.tokens += 1;
        const life = Math.min(expirationSeconds, this.longestTokenSeconds) * 1_000;
        return {
          token: `token-${this.tokens}`,
          expires: new Date(Date.parse(this.tokensFrom) + life).toISOString(),
        };
      },
    );
  }

  async deleteCollection(
    type: ResourceType,
    { namespace, signal: _signal, ...options }: DeleteCollectionOptions,
  ): Promise<void> {
    await this.#request({ verb: "deleteCollection", type, namespace, body: options }, () => {
      for (const object of this.#select(type, namespace, Object.entries(options.labels)))
        this.#remove(object);
    });
  }

  async #request<T>(
    what: { verb: Verb; type: ResourceType } & Omit<RecordedRequest, "api" | "verb" | "plural">,
    act: () => T,
  ): Promise<T> {
    const { type, ...rest } = what;
    const request: RecordedRequest = {
      api: this.connection.split("/")[0] ?? "",
      plural: type.plural,
      ...structuredClone(rest),
    };
    const n = this.#wiring.requests.push(request) - 1;
    await Promise.resolve();
    this.#fail(request, n, "before");
    if (request.verb !== "get" && request.verb !== "list") {
      const before = this.#beforeWrite;
      this.#beforeWrite = undefined;
      before?.();
    }
    const answer = act();
    this.#fail(request, n, "after");
    return structuredClone(answer);
  }

  #fail(request: RecordedRequest, n: number, moment: "before" | "after"): void {
    const scheduled = this.#wiring.faultAt(n, moment);
    if (scheduled !== undefined) throw scheduled;
    const fault = this.#faults.find(
      (candidate) => candidate.left > 0 && candidate.moment === moment && candidate.matches(request),
    );
    if (fault === undefined) return;
    fault.left -= 1;
    throw fault.error;
  }

  #write(type: ResourceType, name: ObjectName, change: (now: KubeObject) => KubeObject): KubeObject {
    const now = this.#objects.get(keyOf(type, name));
    if (now === undefined) throw this.#error("notFound", type, name, 404);
    const next = change(structuredClone(now));
    if (next.metadata.resourceVersion !== now.metadata.resourceVersion)
      throw this.#error("conflict", type, name, 409);
    if (JSON.stringify(next) !== JSON.stringify(now)) next.metadata.resourceVersion = this.#nextVersion();
    const gone =
      next.metadata.deletionTimestamp !== undefined && (next.metadata.finalizers ?? []).length === 0;
    if (gone) this.#objects.delete(keyOf(type, name));
    else this.#objects.set(keyOf(type, name), next);
    return structuredClone(next);
  }

  #remove(found: KubeObject): void {
    if ((found.metadata.finalizers ?? []).length === 0) {
      this.#objects.delete(keyOfObject(found));
      return;
    }
    const metadata = {
      ...found.metadata,
      deletionTimestamp: found.metadata.deletionTimestamp ?? "2026-01-01T00:00:00Z",
      resourceVersion: this.#nextVersion(),
    };
    this.#objects.set(keyOfObject(found), { ...found, metadata });
  }

  #select(
    type: ResourceType,
    namespace: string | undefined,
    labels: readonly (readonly [string, string])[],
  ): KubeObject[] {
    return [...this.#objects.values()].filter(
      (object) =>
        object.apiVersion === apiVersionOf(type) &&
        object.kind === type.kind &&
        (namespace === undefined || object.metadata.namespace === namespace) &&
        labels.every(([name, value]) => object.metadata.labels?.[name] === value),
    );
  }

  #nextVersion(given?: unknown): string {
    this.#version += 1;
    return typeof given === "string" ? given : String(this.#version);
  }

  #error(reason: KubeErrorReason, type: ResourceType, name: ObjectName, status: number): KubeError {
    const what = [name.namespace, name.name].filter((part) => part !== undefined).join("/");
    return new KubeError({
      reason,
      status,
      dependency: this.connection,
      message: `${this.connection}: ${type.plural} ${what}: ${reason}`,
    });
  }
}

/** A KubeError as the client throws it, for faults. */
export function kubeError(reason: KubeErrorReason, dependency = "harvester"): KubeError {
  const status = { conflict: 409, alreadyExists: 409, notFound: 404, invalid: 422, forbidden: 403 } as Record<
    string,
    number
  >;
  return new KubeError({ reason, status: status[reason], dependency, message: `${dependency}: ${reason}` });
}
