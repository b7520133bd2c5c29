import { HTTP } from "cloudevents";
import { allFunctions } from "#cli/functions.ts";
import { version } from "#cli/version.ts";
import { dispatchEvent } from "#events/transport/cloud-event.ts";
import { DEADLINE_HEADER, VERSION_HEADER } from "#events/transport/function-server.ts";
import type { Dispatch } from "#events/transport/runner.ts";
import type { StepFunction } from "#functions/contract/function.ts";
import { renderKubeconfig } from "#platform/control-plane/kubeconfig.ts";
import { apiVersionOf, type KubeObject, type ResourceType } from "#platform/kube/resource.ts";
import * as resources from "#platform/kube/resources.ts";
import { place, secret } from "#test/support/cluster-objects.ts";
import { type FaultServer, sendJson, sendStatus, startFaultServer } from "#test/support/fault-server.ts";
import { dispatchOf, moments, worldAt } from "#test/support/function-moments.ts";
import { fakeDeps, type FakeDeps } from "#test/support/step-deps.ts";
import { bootstrapSecret, createView, machineObject } from "#test/unit/functions/vm-create/create-view.ts";

/** An event for a function, as the hub sends it. */
export interface StepEventRequest {
  readonly function: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** The handler asks an API server for something. */
  readonly reads: boolean;
}

/** One event for each function: of the first moment in a machine's life in which its handler calls an API server. */
export function stepEvents(): Promise<readonly StepEventRequest[]> {
  return Promise.all(allFunctions.map(eventFor));
}

async function eventFor(fn: StepFunction): Promise<StepEventRequest> {
  if (fn.name === "vm-create") {
    const view = { ...createView(), unknown: [] };
    const evaluation = { need: true, key: "k", inputs: {}, edges: [], blockedOn: [], view };
    const dispatch = await dispatchOf(fn, worldAt({}));
    return request({ ...dispatch, function: { ...fn, evaluate: () => evaluation } }, true);
  }
  for (const state of Object.values(moments)) {
    const dispatch = await dispatchOf(fn, worldAt(state));
    const deps = worldAt(state);
    await fn.run(dispatch.items, dispatch.lookup, deps).catch(() => undefined);
    if (deps.requests.length > 0) return request(dispatch, true);
  }
  return request(await dispatchOf(fn, worldAt(moments["with its Node"])), false);
}

function request(dispatch: Dispatch, reads: boolean): StepEventRequest {
  const event = dispatchEvent(dispatch);
  if (event === undefined) throw new Error(`${dispatch.function.name}: nothing to send`);
  const { headers, body } = HTTP.binary(event);
  const named = Object.entries(headers).map(([name, value]) => [name, String(value)]);
  return {
    function: dispatch.function.name,
    headers: { ...Object.fromEntries(named), [DEADLINE_HEADER]: "30000", [VERSION_HEADER]: version },
    body: String(body),
    reads,
  };
}

/** An HTTPS API server with the objects those events are about, for whichever cluster it is asked. Writes are taken and change nothing. */
export async function startStepApi(): Promise<FaultServer & { readonly kubeconfig: string }> {
  const { management, harvesterApi, workloadApi } = worldAt(moments["with its Node"]);
  const ofVmCreate = fakeDeps({
    management: [machineObject, bootstrapSecret("#cloud-config\n{}")],
  }).management;
  const servers = [management, harvesterApi, workloadApi, ofVmCreate];
  const server = await startFaultServer(async (asked, answer) => {
    const at = targetOf(asked.path);
    if (at === undefined) return sendStatus(answer, 404, { reason: "NotFound" });
    if (asked.method === "POST") return sendJson(answer, 201, made(asked.body));
    if (at.name === undefined) return sendJson(answer, 200, await listOf(servers, at.type));
    const { namespace, name } = at;
    const found = servers.map((api) => api.peek(at.type, { namespace, name })).find((it) => it !== undefined);
    if (found === undefined) return sendStatus(answer, 404, { reason: "NotFound" });
    return sendJson(answer, 200, found);
  });
  const { server: url, caPem = "" } = server.config;
  const kubeconfig = renderKubeconfig({ name: "bench", server: url, caPem, user: "bench", token: "bench" });
  for (const name of ["identity", `${place.cluster}-kubeconfig`]) {
    const encoded = Buffer.from(kubeconfig).toString("base64");
    const metadata = { name, namespace: place.namespace };
    management.put({ ...secret(name), metadata, data: { kubeconfig: encoded, value: encoded } });
  }
  return { ...server, kubeconfig };
}

interface Target {
  readonly type: ResourceType;
  readonly namespace: string | undefined;
  readonly name: string | undefined;
}

function targetOf(path: string): Target | undefined {
  const parts = /^\/apis?\/(?:([^/]+)\/)?v[^/]+(?:\/namespaces\/([^/]+)(?=\/))?\/([^/]+)(?:\/([^/]+))?/.exec(
    path,
  );
  const [, group = "", namespace, plural, name] = parts ?? [];
  const type = Object.values(resources).find((each) => each.plural === plural && each.group === group);
  return type === undefined ? undefined : { type, namespace, name };
}

async function listOf(servers: readonly FakeDeps["management"][], type: ResourceType): Promise<unknown> {
  const items: KubeObject[] = [];
  for (const api of servers) for await (const object of api.list(type)) items.push(object);
  return {
    apiVersion: apiVersionOf(type),
    kind: `${type.kind}List`,
    metadata: { resourceVersion: "1" },
    items,
  };
}

function made(body: string): unknown {
  const object = JSON.parse(body) as { metadata: object };
  return { ...object, metadata: { ...object.metadata, uid: "uid-made", resourceVersion: "1" } };
}
