import type { Interceptor } from "#platform/kube/api-request.ts";
import type { WatchEvent } from "#platform/kube/client.ts";
import type { KubeObject } from "#platform/kube/resource.ts";
import type { Fault, Plan, Trigger } from "#test/chaos/plan.ts";
import { type Api, apiOf } from "#test/chaos/stage.ts";
import { type TraceEntry, type TracedCall, writes } from "#test/chaos/trace.ts";
import { type TrialNames, trialOf } from "#test/chaos/trial-names.ts";

/** What seam 1 is told of a request. */
export type InterceptedRequest = Parameters<Interceptor>[0];

/** One watch of an operator. */
export interface StreamName {
  readonly api: Api;
  readonly resource: string;
  readonly namespace: string | undefined;
}

/** What a stream has told so far, for whoever lists while its API server lags behind. */
export interface Delivered {
  readonly objects: Map<string, KubeObject>;
  version: string;
}

interface Armed {
  readonly fault: Fault;
  readonly trigger: Trigger;
  fired: boolean;
}

/** Keeps the trace of a trial and knows when which fault is due. */
export class Director {
  readonly trace: TraceEntry[] = [];
  readonly violations: string[] = [];
  /** Actions of faults that are not over yet. */
  pending = 0;
  readonly #names: TrialNames;
  readonly #armed: readonly Armed[];
  readonly #counts = new Map<string, number>();
  readonly #versions = new Map<string, string>();
  readonly #uids = new Map<string, string[]>();
  readonly #delivered = new Map<string, Delivered>();
  readonly #stale = new Map<Api, Promise<void>>();
  readonly #thaw = new Map<Api, () => void>();
  readonly #heard = new Set<string>();
  #listeners: (() => void)[] = [];

  constructor(names: TrialNames, plan: Plan | undefined) {
    this.#names = names;
    this.#armed = (plan?.faults ?? []).map((each) => ({ ...each, fired: false }));
  }

  get fired(): number {
    return this.#armed.filter(({ fired }) => fired).length;
  }

  /** Counts a call and says which fault is due at it. */
  call(life: number, by: string, request: InterceptedRequest): { call: CallName; fault: Fault | undefined } {
    const { verb, type, subresource } = request;
    return this.callAt(life, by, {
      api: apiOf(request.connection),
      verb,
      resource: subresource === undefined ? type.plural : `${type.plural}/${subresource}`,
      // Names of Kubernetes Events are made of hashes and times.
      name: type.plural === "events" ? "" : this.mask(request.name ?? ""),
    });
  }

  /** The same for a call that is named already. */
  callAt(
    life: number,
    by: string,
    point: Pick<TracedCall, "api" | "verb" | "resource" | "name">,
  ): { call: CallName; fault: Fault | undefined } {
    const call = { at: "call" as const, life, by, ...point };
    const nth = this.#count(`${by} ${call.api} ${call.verb} ${call.resource} ${call.name}`);
    const named = { ...call, nth };
    return { call: { ...named, before: this.#versions.get(placeOfCall(call)) }, fault: this.#due(named) };
  }

  answered({ before, ...call }: CallName, answer: string, body: string): void {
    this.trace.push({ ...call, answer, effective: this.#isEffective({ ...call, before }, answer, body) });
  }

  /** Counts a delta that is about to be delivered and says which fault is due at it. */
  delta(life: number, stream: StreamName, event: DeltaEvent): Fault | undefined {
    const { api, resource } = stream;
    const { metadata } = event.object;
    // Of another trial: cluster-scoped objects are seen by all.
    if (trialOf(metadata) !== this.#names.id) return undefined;
    const name = this.mask(metadata.name);
    const nth = this.#count(`delta ${api} ${resource} ${name}`);
    const trigger = { at: "delta" as const, api, resource, name, nth };
    this.#versions.set(`${api} ${resource} ${name}`, metadata.resourceVersion);
    this.trace.push({
      ...trigger,
      life,
      type: event.type,
      incarnation: this.#incarnation(`${api} ${resource} ${name}`, metadata.uid),
      deleting: metadata.deletionTimestamp !== undefined,
    });
    this.#heard.add(keyOf(trigger));
    for (const listener of this.#listeners) listener();
    return this.#due(trigger);
  }

  /** Resolves when this delta has been heard, or after a while. */
  async heard(trigger: Trigger, withinMs: number): Promise<void> {
    const isHeard = (): boolean => this.#heard.has(keyOf(trigger));
    if (isHeard()) return;
    await new Promise<void>((resolve) => {
      const end = (): void => {
        clearTimeout(timer);
        this.#listeners = this.#listeners.filter((each) => each !== listener);
        resolve();
      };
      const listener = (): void => {
        if (isHeard()) end();
      };
      const timer = setTimeout(end, withinMs);
      this.#listeners.push(listener);
    });
  }

  /** What a stream has told so far. */
  delivered({ api, resource, namespace }: StreamName): Delivered {
    const key = `${api} ${resource} ${namespace ?? "*"}`;
    const known = this.#delivered.get(key);
    if (known !== undefined) return known;
    const made: Delivered = { objects: new Map(), version: "" };
    this.#delivered.set(key, made);
    return made;
  }

  /** From now on the API server's lists and watches lag behind. */
  freeze(api: Api): void {
    if (this.#stale.has(api)) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#stale.set(api, promise);
    this.#thaw.set(api, resolve);
  }

  thaw(api: Api): void {
    this.#thaw.get(api)?.();
    this.#stale.delete(api);
    this.#thaw.delete(api);
  }

  /** Resolves when its lists and watches are up to date; undefined when they are. */
  lag(api: Api): Promise<void> | undefined {
    return this.#stale.get(api);
  }

  /** An action of a fault after a time; the trial does not end before it. */
  later(ms: number, act: () => void): void {
    this.pending += 1;
    setTimeout(() => {
      this.pending -= 1;
      act();
    }, ms);
  }

  mask(name: string): string {
    return name.replaceAll(this.#names.id, "TRIAL");
  }

  #due(trigger: Trigger): Fault | undefined {
    const key = keyOf(trigger);
    const armed = this.#armed.find((each) => !each.fired && keyOf(each.trigger) === key);
    if (armed === undefined) return undefined;
    armed.fired = true;
    return armed.fault;
  }

  #count(signature: string): number {
    const nth = (this.#counts.get(signature) ?? 0) + 1;
    this.#counts.set(signature, nth);
    return nth;
  }

  #incarnation(place: string, uid: string): number {
    const uids = this.#uids.get(place) ?? [];
    this.#uids.set(place, uids);
    if (!uids.includes(uid)) uids.push(uid);
    return uids.indexOf(uid) + 1;
  }

  #isEffective(call: CallName, answer: string, body: string): boolean {
    const { verb, before } = call;
    if (!answer.startsWith("2")) return false;
    if (call.api === "E") return writes.has(verb);
    if (verb === "create" || verb === "delete") return true;
    if (verb === "deletecollection") return body.includes('"uid"');
    if (verb !== "patch" && verb !== "update") return false;
    const version = /"resourceVersion":"(\d+)"/.exec(body)?.[1] ?? "";
    this.#versions.set(placeOfCall(call), version);
    return before !== version;
  }
}

/** A call under way, with the version of its object that was known before. */
export type CallName = Omit<TracedCall, "answer" | "effective"> & { readonly before?: string | undefined };
export type DeltaEvent = Extract<WatchEvent, { type: "added" | "modified" | "deleted" }>;

function placeOfCall({ api, resource, name }: Pick<TracedCall, "api" | "resource" | "name">): string {
  return `${api} ${resource.replace("/status", "")} ${name}`;
}

function keyOf(trigger: Trigger): string {
  const { at, api, resource, name, nth } = trigger;
  const call = trigger.at === "call" ? `${trigger.by} ${trigger.verb}` : "";
  return `${at} ${api} ${resource} ${name} ${nth} ${call}`;
}
