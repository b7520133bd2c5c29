import { Client, credentials, status, type ClientReadableStream, type ServiceError } from "@grpc/grpc-js";
import { expect, it, onTestFinished } from "vitest";
import { externalScaler } from "#events/transport/keda-protocol.ts";
import { openKedaScaler } from "#events/transport/keda-scaler.ts";
import { FakeClock } from "#test/support/fake-clock.ts";

const service = externalScaler();
const about = (name?: string) => ({
  name: "fn",
  namespace: "capfn-system",
  scalerMetadata: name === undefined ? {} : { function: name },
});

/** The scaler of a hub whose demand the test sets, and a client in the place of KEDA. */
async function scaler() {
  const clock = new FakeClock();
  const demand = new Map<string, { waiting: number; leased: number }>();
  const opened = await openKedaScaler({
    clock,
    functions: ["vm-create", "vm-delete"],
    demandOf: (name) => demand.get(name) ?? { waiting: 0, leased: 0 },
    listen: { host: "127.0.0.1", port: 0 },
  });
  const client = new Client(`127.0.0.1:${opened.port}`, credentials.createInsecure());
  onTestFinished(async () => {
    client.close();
    const closed = opened.close();
    await clock.advance(5_000);
    await closed;
  });
  return {
    ...opened,
    clock,
    set: (name: string, waiting: number, leased = 0) => {
      demand.set(name, { waiting, leased });
      opened.changed(name);
    },
    ask: (method: string, request: unknown): Promise<unknown> => {
      const { path, requestSerialize, responseDeserialize } = service[method]!;
      return new Promise((resolve, reject) =>
        client.makeUnaryRequest(path, requestSerialize, responseDeserialize, request, (error, answer) =>
          error === null ? resolve(answer) : reject(error),
        ),
      );
    },
    stream: (name?: string) => {
      const { path, requestSerialize, responseDeserialize } = service["StreamIsActive"]!;
      const stream = client.makeServerStreamRequest(path, requestSerialize, responseDeserialize, about(name));
      return heard(stream as ClientReadableStream<{ result?: boolean }>);
    },
  };
}

/** What a stream says, and how it ends. */
function heard(stream: ClientReadableStream<{ result?: boolean }>) {
  const said: boolean[] = [];
  const ended = Promise.withResolvers<number>();
  stream.on("data", ({ result }) => said.push(result === true));
  stream.on("status", ({ code }) => ended.resolve(code));
  stream.on("error", () => undefined);
  return { said, ended: ended.promise, cancel: () => stream.cancel() };
}

it("a stream begins with how things are, and hears of work at once", async () => {
  const keda = await scaler();
  keda.set("vm-delete", 1);
  const idle = keda.stream("vm-create");
  const busy = keda.stream("vm-delete");
  await expect.poll(() => [idle.said, busy.said]).toEqual([[false], [true]]);
  const from = performance.now();
  keda.set("vm-create", 1);
  await expect.poll(() => idle.said, { interval: 1 }).toEqual([false, true]);
  expect(performance.now() - from).toBeLessThan(1_000);
  expect(busy.said).toEqual([true]);
});

it("a stream hears of work again as long as some waits for a pod, and not when all is in the hands of pods", async () => {
  const keda = await scaler();
  const { said } = keda.stream("vm-create");
  await expect.poll(() => said).toEqual([false]);
  keda.set("vm-create", 2);
  await keda.clock.advance(2_000);
  await expect.poll(() => said).toEqual([false, true, true, true]);
  keda.set("vm-create", 0, 2);
  await keda.clock.advance(5_000);
  keda.set("vm-create", 0);
  await expect.poll(() => said).toEqual([false, true, true, true, false]);
});

it("KEDA's polls hear of work in line and with pods, one pod for each step", async () => {
  const keda = await scaler();
  const ask = (method: string) => keda.ask(method, about("vm-create"));
  expect(await ask("IsActive")).toMatchObject({});
  expect(await ask("GetMetricSpec")).toMatchObject({
    metricSpecs: [{ metricName: "steps", targetSizeFloat: 1 }],
  });
  keda.set("vm-create", 2, 1);
  expect(await ask("IsActive")).toMatchObject({ result: true });
  expect(
    await keda.ask("GetMetrics", { scaledObjectRef: about("vm-create"), metricName: "steps" }),
  ).toMatchObject({ metricValues: [{ metricName: "steps", metricValueFloat: 3 }] });
  keda.set("vm-create", 0);
  expect(await ask("IsActive")).not.toHaveProperty("result", true);
});

it("every stream ends in order when the scaler closes, as KEDA comes back at once only then", async () => {
  const keda = await scaler();
  const streams = [keda.stream("vm-create"), keda.stream("vm-delete")];
  await expect.poll(() => streams.map(({ said }) => said.length)).toEqual([1, 1]);
  const closed = keda.close();
  expect(await Promise.all(streams.map(({ ended }) => ended))).toEqual([status.OK, status.OK]);
  await closed;
});

it("a ScaledObject that names no function there is hears what to mend", async () => {
  const keda = await scaler();
  const refused = (request: unknown) => keda.ask("IsActive", request).catch((error: ServiceError) => error);
  expect(await refused(about())).toMatchObject({
    code: status.INVALID_ARGUMENT,
    details: expect.stringContaining("function: <name>"),
  });
  expect(await refused(about("vm-crate"))).toMatchObject({ details: expect.stringContaining("vm-crate") });
  expect(await keda.stream("vm-crate").ended).toBe(status.INVALID_ARGUMENT);
});
