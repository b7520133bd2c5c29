import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { jetstream, jetstreamManager } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";
import { HTTP } from "cloudevents";
import { beforeAll, describe, expect, it, onTestFinished, vi } from "vitest";
import { startBroadcast, type Broadcast } from "#cli/operator/broadcast.ts";
import { allFunctions } from "#cli/functions.ts";
import { eventDetails } from "#events/catalog/details.ts";
import { isEventType } from "#events/catalog/types.ts";
import type { HubEvent } from "#events/hub/observer.ts";
import { createMetrics } from "#platform/observability/metrics.ts";
import { harvesterMachines } from "#platform/kube/resources.ts";
import { systemClock } from "#platform/process/clock.ts";
import { fromPools } from "#test/chaos/manifests.ts";
import { openPlay } from "#test/chaos/trial.ts";
import { expectSound, faultStage, leftOnHarvester } from "#test/api/faults/stage.ts";
import { natsServerProgram, startNatsServer } from "#test/support/nats-server.ts";

const stage = faultStage();

beforeAll(async () => void (await natsServerProgram()), 300_000);

interface Stored {
  readonly subject: string;
  readonly headers: Record<string, string>;
  readonly data: unknown;
}

/** Everything the stream holds, in its order. */
async function storedIn(address: string, credentials = {}): Promise<Stored[]> {
  const connection = await connect({ servers: address, ...credentials });
  try {
    const manager = await jetstreamManager(connection);
    const { messages } = (await manager.streams.info("CAPFN")).state;
    const consumer = await jetstream(connection).consumers.get("CAPFN");
    const stored: Stored[] = [];
    if (messages === 0) return stored;
    for await (const message of await consumer.consume()) {
      const headers = Object.fromEntries(
        (message.headers?.keys() ?? []).map((key) => [key, message.headers?.get(key) ?? ""]),
      );
      stored.push({ subject: message.subject, headers, data: message.json() });
      if (message.info.pending === 0) break;
    }
    return stored;
  } finally {
    await connection.close();
  }
}

async function open(url: string, credentials?: string) {
  const metrics = createMetrics();
  const said: string[] = [];
  const say = (fields: Readonly<Record<string, unknown>>) => void said.push(String(fields["error"]));
  const log = { debug: say, info: say, warn: say, error: say };
  let broadcastCredentials: string | undefined;
  if (credentials !== undefined) {
    const folder = await mkdtemp(join(tmpdir(), "capfn-credentials-"));
    onTestFinished(() => rm(folder, { recursive: true }));
    broadcastCredentials = join(folder, "credentials");
    await writeFile(broadcastCredentials, credentials);
  }
  const flags = broadcastCredentials === undefined ? {} : { broadcastCredentials };
  const world = { clock: systemClock(), random: Math.random, log, metrics: () => metrics };
  const lane = await startBroadcast(url, flags, world);
  onTestFinished(() => lane.close());
  const counted = async (result: string): Promise<number> =>
    (await metrics.broadcast.get()).values.find(({ labels }) => labels.result === result)?.value ?? 0;
  return { lane, said, counted };
}

function changed(name: string, version: number): HubEvent {
  const ref = { connection: "management", namespace: "demo", name, uid: `uid-${name}` };
  return {
    kind: "happened",
    cause: {
      id: `uid-${name}/${version}`,
      type: "dev.capfn.machine.changed",
      source: "/clusters/management/apis/infrastructure.cluster.x-k8s.io/v1beta1/harvestermachines",
      time: "2026-11-21T12:00:00.000Z",
    },
    object: { type: harvesterMachines, ref: { ...ref, resourceVersion: String(version) } },
  };
}

const eventually = { timeout: 60_000, interval: 100 };

describe("the broadcast lane to NATS", () => {
  it("makes the stream and stores every event once, in the binary mode of the CloudEvents binding", async () => {
    await using server = await startNatsServer();
    const { lane, counted } = await open(`nats://${server.address}`);
    lane.observe(changed("worker.1", 7));
    lane.observe(changed("worker.1", 8));
    lane.observe(changed("worker.1", 7));
    await expect.poll(() => counted("sent"), eventually).toBe(3);
    const stored = await storedIn(server.address);
    expect(stored.map(({ headers }) => headers["ce-id"])).toEqual(["uid-worker.1/7", "uid-worker.1/8"]);
    expect(stored[0]?.subject).toBe("capfn.machine.changed.demo.worker_1");
    expect(stored[0]?.headers).toMatchObject({
      "ce-specversion": "1.0",
      "ce-type": "dev.capfn.machine.changed",
      "ce-subject": "namespaces/demo/harvestermachines/worker.1",
      "ce-partitionkey": "harvestermachines/uid-worker.1",
      "ce-sequence": "00000000000000000007",
      "Content-Type": "application/json",
    });
    expect(stored[0]?.data).toMatchObject({
      kind: "HarvesterMachine",
      name: "worker.1",
      resourceVersion: "7",
    });
  });

  it("keeps the order of each object while the server is killed in the middle, and stores all that was buffered", async () => {
    await using server = await startNatsServer();
    const { lane, counted } = await open(`nats://${server.address}`);
    const names = ["a", "b", "c", "d"];
    const tell = (from: number, to: number): void => {
      for (let n = from; n < to; n += 1) for (const name of names) lane.observe(changed(name, n));
    };
    tell(0, 100);
    await expect.poll(() => counted("sent"), eventually).toBeGreaterThan(20);
    await server.kill();
    tell(100, 200);
    await server.start();
    await expect.poll(() => counted("sent"), eventually).toBe(800);
    const stored = await storedIn(server.address);
    for (const name of names) {
      const versions = stored
        .filter(({ headers }) => headers["ce-partitionkey"] === `harvestermachines/uid-${name}`)
        .map(({ headers }) => Number(headers["ce-sequence"]));
      expect(versions).toEqual(Array.from({ length: 200 }, (_, n) => n));
    }
  });

  it("goes on with a server that lost its data, making the stream anew", async () => {
    await using server = await startNatsServer();
    const { lane, counted } = await open(`nats://${server.address}?stream=CAPFN&max-age-hours=1`);
    lane.observe(changed("a", 1));
    await expect.poll(() => counted("sent"), eventually).toBe(1);
    await server.kill();
    await server.wipe();
    await server.start();
    lane.observe(changed("a", 2));
    await expect.poll(() => counted("sent"), eventually).toBe(2);
    expect((await storedIn(server.address)).map(({ headers }) => headers["ce-id"])).toEqual(["uid-a/2"]);
  });

  it("says clearly that the credentials are refused, keeps what is to be sent, and sends it when they are right", async () => {
    const users = 'authorization: { users: [{ user: "hub", password: "right" }] }';
    await using server = await startNatsServer(users);
    const wrong = await open(`nats://${server.address}`, "hub:wrong");
    wrong.lane.observe(changed("a", 1));
    await expect.poll(() => wrong.said.join("\n"), eventually).toContain("refuses the credentials");
    expect(wrong.said.join("\n")).toContain("--broadcast-credentials");
    expect(wrong.said.join("\n")).not.toContain("wrong");
    const right = await open(`nats://${server.address}`, "hub:right\n");
    right.lane.observe(changed("a", 2));
    await expect.poll(() => right.counted("sent"), eventually).toBe(1);
    expect(await storedIn(server.address, { user: "hub", pass: "right" })).toHaveLength(1);
  });

  it("drops an event that is too large for the server, says so, and sends the next", async () => {
    await using server = await startNatsServer("max_payload: 1400");
    const { lane, said, counted } = await open(`nats://${server.address}`);
    lane.observe(changed("a".repeat(250), 1));
    lane.observe(changed("b", 2));
    await expect.poll(() => counted("sent"), eventually).toBe(1);
    expect(await counted("refused")).toBe(1);
    expect(said.join()).toContain("larger than the 1400 bytes");
  });

  it.each([
    ["nats://host:4222?streem=X", "parameters are stream"],
    ["nats://user:pass@host:4222", "--broadcast-credentials for a password"],
    ["nats://host:4222?replicas=9", "replicas"],
    ["kafka://host", "is no address of a receiver"],
    ["https://me:secret@broker/", "holds a password"],
  ])("refuses %s", async (url, message) => {
    await expect(open(url)).rejects.toThrow(message);
  });
});

/** A sink that answers as told; what it got is in order of arrival. */
async function sink(answer: (n: number, response: ServerResponse, event: { id: string }) => void) {
  const got: { id: string; type: string; data: unknown }[] = [];
  let open = 0;
  let most = 0;
  const take = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    open += 1;
    most = Math.max(most, open);
    const chunks: Buffer[] = [];
    for await (const chunk of request) if (Buffer.isBuffer(chunk)) chunks.push(chunk);
    // The SDK of CloudEvents is the judge of what we send.
    const event = HTTP.toEvent({ headers: request.headers, body: Buffer.concat(chunks).toString() });
    if (Array.isArray(event)) throw new Error("not one event");
    got.push({ id: event.id, type: event.type, data: event.data });
    open -= 1;
    answer(got.length, response, event);
  };
  const server = createServer((request, response) => void take(request, response));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}/default/broker`, got, most: () => most };
}

describe("the broadcast lane to a sink of CloudEvents over HTTP", () => {
  it("sends events in binary mode, some at once, those of one object one after the other", async () => {
    const { url, got, most } = await sink(
      (_n, response) => void setTimeout(() => response.writeHead(202).end(), 5),
    );
    const { lane, counted } = await open(url);
    for (let n = 0; n < 20; n += 1) for (const name of ["a", "b", "c"]) lane.observe(changed(name, n));
    await expect.poll(() => counted("sent"), eventually).toBe(60);
    expect(got.filter(({ id }) => id.startsWith("uid-a/")).map(({ id }) => id)).toEqual(
      Array.from({ length: 20 }, (_, n) => `uid-a/${n}`),
    );
    expect(most()).toBeLessThanOrEqual(8);
  });

  it("waits as long as it is asked to, drops what is refused, and goes on", async () => {
    const at: number[] = [];
    const { url, got } = await sink((n, response, { id }) => {
      at.push(performance.now());
      if (n === 1) response.writeHead(429, { "retry-after": "1" }).end();
      else response.writeHead(id === "uid-a/2" ? 400 : 202).end();
    });
    const { lane, counted, said } = await open(url);
    for (const n of [1, 2, 3]) lane.observe(changed("a", n));
    await expect.poll(() => counted("sent"), eventually).toBe(2);
    expect(got.map(({ id }) => id)).toEqual(["uid-a/1", "uid-a/1", "uid-a/2", "uid-a/3"]);
    expect(at[1]! - at[0]!).toBeGreaterThan(900);
    expect(await counted("refused")).toBe(1);
    expect(said.join("\n")).toContain("refuses an event with 400");
  });
});

describe("a machine's life", () => {
  it(
    "is the same whether its observers are there, killed or wiped, and all they are told is in the catalogue",
    { timeout: 180_000 },
    async () => {
      await using server = await startNatsServer();
      const broadcast: { lane?: Broadcast; counted?: (result: string) => Promise<number> } = {};
      Object.assign(broadcast, await open(`nats://${server.address}`));
      const observe = (event: HubEvent) => broadcast.lane?.observe(event);
      await using play = openPlay(stage.theatre(), { functions: allFunctions, seed: 1, observe });
      const { actor, lives, names } = play;
      await actor.prepare([["pool", 10, 19]], { cluster: fromPools(names, "pool") });
      await lives.start();
      await actor.createMachine("m1");
      await actor.provisioned("m1");
      await vi.waitFor(async () => expect(await broadcast.counted!("sent")).toBeGreaterThan(10), eventually);
      await server.kill();
      await actor.createMachine("m2");
      await actor.provisioned("m2");
      await server.wipe();
      await server.start();
      for (const name of ["m1", "m2"]) await actor.deleteMachine(name);
      await actor.gone("m1", "m2");
      await play.rest();
      expect(leftOnHarvester(play)).toEqual([]);
      expectSound(play);
      const stored = await vi.waitFor(async () => {
        const all = await storedIn(server.address);
        expect(all.map(({ headers }) => headers["ce-type"])).toContain("dev.capfn.machine.deleted");
        return all;
      }, eventually);
      expect(stored.map(({ headers }) => headers["ce-type"])).toContain("dev.capfn.step.ended");
      for (const { headers, data } of stored) {
        const type = headers["ce-type"] ?? "";
        if (!isEventType(type)) throw new Error(`${type} is not in the catalogue`);
        expect(eventDetails[type].data.safeParse(data).error).toBeUndefined();
      }
      expect(JSON.stringify(stored)).not.toMatch(/apiVersion: v1|BEGIN|cloud-config/);
    },
  );
});
