import { connectedTo, stateObject, type ConnectionTry } from "#events/sources/connection-try.ts";
import { collectionName, objectName, scopeName } from "#events/hub/names.ts";
import { project } from "#events/hub/projection.ts";
import type { Evaluation, ObjectKey, StepFunction } from "#functions/contract/function.ts";
import type { IndexQuery, Lookup } from "#functions/contract/relations.ts";
import type { KubeReader } from "#platform/kube/client.ts";
import type { KubeObject, ResourceType } from "#platform/kube/resource.ts";
import type { Connection, ObjectRef, ResourceView, Seen } from "#platform/kube/view.ts";

/** How the API servers are reached that a snapshot is read from. */
export interface ReadWorld {
  readonly management: KubeReader;
  /** Tries a connection to another API server. The caller closes its client. */
  readonly look: (connection: Connection) => Promise<ConnectionTry>;
}

/** A chain of relations is shorter; one that is not goes in a circle. */
const MOST_ROUNDS = 20;

/**
 * What a function thinks of one object, by quorum reads of it and of what it is related to: for a process that watches nothing and has no hub that
 * does. Relations build on each other, so it reads, evaluates, and reads what was missing, until nothing is. Undefined when the object is absent.
 * Throws `KubeError` when something cannot be read, `PredicateFailed`.
 */
export async function judgeByReading(
  fn: StepFunction,
  object: ObjectKey,
  world: ReadWorld,
): Promise<{ evaluation: Evaluation; lookup: Lookup } | undefined> {
  const lookup = new ReadObjects(world);
  try {
    for (let round = 0; round < MOST_ROUNDS; round += 1) {
      const evaluate = attempt(() => fn.evaluate(object, lookup));
      if (!(await lookup.readWanted())) {
        const evaluation = evaluate();
        return evaluation && { evaluation, lookup };
      }
    }
    throw new Error(`the relations of ${fn.name} name ever more objects`);
  } finally {
    lookup.close();
  }
}

/** What it throws for want of an object counts only when nothing is wanted any more. */
function attempt<T>(act: () => T): () => T {
  try {
    const value = act();
    return () => value;
  } catch (error) {
    return () => {
      throw error;
    };
  }
}

type Wanted = { readonly type: ResourceType; readonly connection: Connection } & (
  | { readonly ref: ObjectRef }
  | { readonly namespace: string | undefined }
);

/** A lookup that notes what it could not answer, and reads it when told to. */
class ReadObjects implements Lookup {
  readonly #world: ReadWorld;
  readonly #objects = new Map<string, KubeObject | undefined>();
  readonly #lists = new Map<string, readonly KubeObject[]>();
  readonly #connections = new Map<Connection, Promise<ConnectionTry>>();
  readonly #unreachable = new Set<Connection>();
  #wanted = new Map<string, Wanted>();

  constructor(world: ReadWorld) {
    this.#world = world;
  }

  get<P>(view: ResourceView<P>, ref: ObjectRef): Seen<P> | undefined {
    const { type } = view;
    const name = objectName(type, ref);
    const object = this.#objects.get(name);
    if (object !== undefined) return project(view, ref.connection, object);
    if (!this.#objects.has(name)) this.#want(name, { type, connection: ref.connection, ref });
    return undefined;
  }

  find<P>(view: ResourceView<P>, { connection, namespace, index, value }: IndexQuery): readonly Seen<P>[] {
    const name = scopeName(view.type, { connection, namespace });
    const objects = this.#lists.get(name);
    if (objects === undefined) this.#want(name, { type: view.type, connection, namespace });
    return (objects ?? [])
      .map((object) => project(view, connection, object))
      .filter((seen) => view.indexes?.(seen)[index]?.includes(value) === true);
  }

  listed(
    view: ResourceView<unknown>,
    scope: { connection: Connection; namespace?: string | undefined; name?: string },
  ) {
    const { connection, namespace, name } = scope;
    return name === undefined
      ? this.#lists.has(scopeName(view.type, { connection, namespace }))
      : this.#objects.has(objectName(view.type, { connection, namespace, name }));
  }

  /** Reads what was asked for and not known. False: there was nothing. */
  async readWanted(): Promise<boolean> {
    const wanted = [...this.#wanted];
    this.#wanted = new Map();
    await Promise.all(wanted.map(([name, each]) => this.#read(name, each)));
    return wanted.length > 0;
  }

  close(): void {
    for (const tried of this.#connections.values())
      void tried.then(({ client }) => client?.close()).catch(() => undefined);
  }

  #want(name: string, wanted: Wanted): void {
    if (!this.#unreachable.has(wanted.connection)) this.#wanted.set(name, wanted);
  }

  async #read(name: string, wanted: Wanted): Promise<void> {
    const { type, connection } = wanted;
    if (connection === "hub") {
      const of = "ref" in wanted ? wanted.ref.name : collectionName(type, connection);
      const { state } =
        of === this.#world.management.connection ? { state: connectedTo(undefined) } : await this.#try(of);
      this.#objects.set(name, stateObject(of, state, 1));
      return;
    }
    const client = await this.#clientOf(connection);
    if (client === undefined) {
      this.#unreachable.add(connection);
      return;
    }
    if ("ref" in wanted) {
      this.#objects.set(name, await client.get(type, wanted.ref));
      return;
    }
    const objects: KubeObject[] = [];
    for await (const object of client.list(type, { namespace: wanted.namespace })) objects.push(object);
    this.#lists.set(name, objects);
  }

  async #clientOf(connection: Connection): Promise<KubeReader | undefined> {
    const { management } = this.#world;
    return connection === management.connection ? management : (await this.#try(connection)).client;
  }

  #try(connection: Connection): Promise<ConnectionTry> {
    const tried = this.#connections.get(connection) ?? this.#world.look(connection);
    this.#connections.set(connection, tried);
    return tried;
  }
}
