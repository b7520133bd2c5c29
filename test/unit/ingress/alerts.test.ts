import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { remediationRequests } from "#platform/kube/resources.ts";
import { kubeError } from "#test/support/fake-api.ts";
import { settle } from "#test/support/fake-clock.ts";
import { ingressBench, sentAlert, webhook, type IngressBench } from "#test/support/ingress-bench.ts";

const requestName = `alert-8c3f1e2d4b5a6978-${Date.parse("2026-11-21T10:36:58.123Z")}`;
let bench: IngressBench;

beforeEach(async () => {
  bench = await ingressBench();
});
afterEach(() => bench.stop());

function stored(name = requestName) {
  return bench.api.peek(remediationRequests, { namespace: "capfn-system", name });
}

function creates(): number {
  return bench.requests.filter(({ verb }) => verb === "create").length;
}

describe("an alert that fires", () => {
  it("is a RemediationRequest before the answer says that all is well", async () => {
    const answer = await bench.alerts(webhook(sentAlert()));
    expect(answer.statusCode).toBe(200);
    expect(answer.json()).toEqual({ stored: 1, known: 0, closed: 0, refused: 0, problems: [] });
    expect(stored()).toMatchObject({
      spec: {
        source: "Alert",
        alert: {
          name: "NodeDown",
          fingerprint: "8c3f1e2d4b5a6978",
          startsAt: "2026-11-21T10:36:58.123456789Z",
          labels: { cluster: "shop", node: "shop-md-0-x7k2p" },
        },
      },
    });
  });

  it("tells the hub which request it became, and why", async () => {
    await bench.alerts(webhook(sentAlert()));
    expect(bench.hints).toMatchObject([
      {
        ref: { connection: "management", namespace: "capfn-system", name: requestName },
        cause: { type: "dev.capfn.alert.firing" },
      },
    ]);
  });

  it("is stored on standby too", async () => {
    bench.state.leading = false;
    expect((await bench.alerts(webhook(sentAlert()))).statusCode).toBe(200);
    expect(stored()).toBeDefined();
    expect(bench.hints).toEqual([]);
  });

  it("leaves labels behind that name no machine", async () => {
    await bench.alerts(webhook(sentAlert()));
    expect(JSON.stringify(stored())).not.toContain("severity");
  });

  it("delivered again, by a second replica of Alertmanager say, is known and no second request", async () => {
    await bench.alerts(webhook(sentAlert()));
    const answer = await bench.alerts(webhook(sentAlert()));
    expect(answer.json()).toMatchObject({ stored: 0, known: 1 });
    expect(answer.statusCode).toBe(200);
    expect(creates()).toBe(2);
  });

  it("that the index knows to be stored, or to have ended, costs no request", async () => {
    const ended = sentAlert({ status: "resolved", endsAt: "2026-11-21T10:51:58Z" });
    const { name, fingerprint, startsAt } = { ...sentAlert(), name: "NodeDown" };
    bench.index.set(requestName, { name, fingerprint, startsAt });
    expect((await bench.alerts(webhook(sentAlert()))).json()).toMatchObject({ stored: 0, known: 1 });
    expect(bench.requests).toEqual([]);
    await bench.alerts(webhook(ended));
    expect(bench.requests).not.toEqual([]);
    const before = bench.requests.length;
    bench.index.set(requestName, { name, fingerprint, startsAt, endsAt: "2026-11-21T10:51:58Z" });
    expect((await bench.alerts(webhook(ended))).json()).toMatchObject({ closed: 0, known: 1 });
    expect(bench.requests.length).toBe(before);
  });

  it("that fires anew is another request", async () => {
    await bench.alerts(webhook(sentAlert()));
    const answer = await bench.alerts(webhook(sentAlert({ startsAt: "2026-11-21T11:00:00Z" })));
    expect(answer.json()).toMatchObject({ stored: 1 });
  });

  it("of a webhook that max_alerts has cut is stored, and the log says what becomes of the others", async () => {
    const answer = await bench.alerts({ ...webhook(sentAlert()), truncatedAlerts: 7 });
    expect(answer.json()).toMatchObject({ stored: 1 });
    expect(bench.events).toContainEqual(
      expect.objectContaining({
        kind: "refused",
        problem: expect.stringContaining("truncatedAlerts: max_alerts cut off 7 alerts"),
      }),
    );
  });

  it("does not suffer from a bad one of its group", async () => {
    const bad = [sentAlert({ fingerprint: "XYZ" }), "no alert", sentAlert({ labels: {} })];
    const answer = await bench.alerts(webhook(bad[0], sentAlert(), ...bad.slice(1)));
    expect(answer.statusCode).toBe(200);
    const { problems } = answer.json<{ problems: string[] }>();
    expect(problems).toHaveLength(3);
    expect(problems[0]).toContain("alerts[0].fingerprint: must be lower-case hexadecimal");
    expect(problems[1]).toContain("alerts[2]: ");
    expect(problems[2]).toContain("alerts[3].labels.alertname: ");
    expect(stored()).toBeDefined();
  });

  it("does not suffer from one that the API server refuses", async () => {
    bench.api.failOn({ verb: "create" }, kubeError("invalid", "management"));
    const other = sentAlert({ fingerprint: "aa" });
    const answer = await bench.alerts(webhook(other, sentAlert()));
    expect(answer.statusCode).toBe(200);
    expect(answer.json()).toMatchObject({ stored: 1, refused: 1 });
  });
});

describe("an alert that has ended", () => {
  const ended = sentAlert({ status: "resolved", endsAt: "2026-11-21T10:51:58Z" });

  it("closes its request", async () => {
    await bench.alerts(webhook(sentAlert()));
    const answer = await bench.alerts(webhook(ended));
    expect(answer.json()).toMatchObject({ closed: 1 });
    expect(stored()).toMatchObject({ spec: { alert: { endsAt: "2026-11-21T10:51:58Z" } } });
  });

  it("and overtook its firing leaves a closed request, which the late firing finds", async () => {
    await bench.alerts(webhook(ended));
    const answer = await bench.alerts(webhook(sentAlert()));
    expect(answer.json()).toMatchObject({ stored: 0, known: 1 });
    expect(stored()).toMatchObject({ spec: { alert: { endsAt: "2026-11-21T10:51:58Z" } } });
  });

  it("before it began, or at a time that cannot be read, ended when it began", async () => {
    await bench.alerts(webhook(sentAlert({ status: "resolved", endsAt: "2001-01-01T00:00:00Z" })));
    expect(stored()).toMatchObject({ spec: { alert: { endsAt: "2026-11-21T10:36:58.123456789Z" } } });
  });
});

describe("alerts that cannot be stored now", () => {
  it("are answered with 503 and Retry-After, so that Alertmanager sends them again, and then nothing is lost or doubled", async () => {
    bench.api.failOn({ verb: "create" }, kubeError("unavailable", "management"));
    const both = webhook(sentAlert(), sentAlert({ fingerprint: "bb" }));
    const answer = await bench.alerts(both);
    expect(answer.statusCode).toBe(503);
    expect(Number(answer.headers["retry-after"])).toBeGreaterThan(0);
    const again = await bench.alerts(both);
    expect(again.statusCode).toBe(200);
    expect(again.json()).toMatchObject({ stored: 1, known: 1 });
  });

  it.each(["forbidden", "unauthorized", "notFound", "tooMany", "conflict", "timeout"] as const)(
    "because the API server says %s get no 4xx: it may be mended",
    async (reason) => {
      bench.api.failOn({ verb: "create" }, kubeError(reason, "management"));
      expect((await bench.alerts(webhook(sentAlert()))).statusCode).toBe(503);
    },
  );

  it("within the time limit are told to come again", async () => {
    const held = Promise.withResolvers<never>();
    bench.api.create = () => held.promise;
    const answer = bench.alerts(webhook(sentAlert()));
    await settle();
    await bench.clock.advance(8_001);
    held.reject(kubeError("timeout", "management"));
    expect((await answer).statusCode).toBe(503);
  });
});

describe("a webhook of more alerts than can be stored in one go", () => {
  const many = (status: string, count = 1_500) =>
    webhook(...Array.from({ length: count }, (_, n) => sentAlert({ status, fingerprint: n.toString(16) })));

  it("is stored whole if there is time", async () => {
    const answer = await bench.alerts(many("firing"));
    expect(answer.statusCode).toBe(200);
    expect(answer.json()).toMatchObject({ stored: 1_500, problems: [] });
  });

  it("is answered with 503 as long as some are left, and every delivery begins where the last one stopped", async () => {
    const create = bench.api.create.bind(bench.api);
    let left = 0;
    bench.api.create = async (...args) => {
      if (left === 0) throw kubeError("tooMany", "management");
      left -= 1;
      return create(...args);
    };
    for (const status of [503, 503, 200]) {
      left = 500;
      expect((await bench.alerts(many("firing"))).statusCode).toBe(status);
    }
    expect(creates()).toBe(1_500);
    const again = await bench.alerts(many("firing"));
    expect(again.json()).toMatchObject({ stored: 0, known: 1_500 });
  });

  it("closes each alert that has ended once", async () => {
    await bench.alerts(many("firing", 200));
    expect((await bench.alerts(many("resolved", 200))).json()).toMatchObject({ closed: 200 });
    const before = bench.requests.length;
    expect((await bench.alerts(many("resolved", 200))).json()).toMatchObject({ closed: 0, known: 200 });
    expect(bench.requests.slice(before)).toMatchObject([{ verb: "list" }]);
  });

  it("is 503 while the API server does not say which of them are stored", async () => {
    bench.api.failOn({ verb: "list" }, kubeError("unavailable", "management"));
    expect((await bench.alerts(many("firing"))).statusCode).toBe(503);
    expect((await bench.alerts(many("firing"))).statusCode).toBe(200);
  });
});

describe("a body that is no webhook of version 4", () => {
  it.each([
    ["{", "body: is no JSON"],
    ["", "body: is no JSON"],
    ["[]", "body: "],
    [{ ...webhook(), version: "5" }, "version: "],
    [{ version: "4" }, "alerts: "],
    [webhook(...Array.from({ length: 40_001 }, () => 1)), "alerts: "],
    [webhook(sentAlert({ startsAt: "yesterday" })), "alerts[0].startsAt: "],
  ])("is refused with the field's name", async (body, problem) => {
    const answer = await bench.alerts(body);
    expect(answer.statusCode).toBe(400);
    expect(answer.body).toContain(problem);
    expect(creates()).toBe(0);
  });

  it("is not repeated in the answer or the log", async () => {
    const answer = await bench.alerts(webhook(sentAlert({ fingerprint: "s3cr3t!", startsAt: "s3cr3t!" })));
    expect(answer.body + JSON.stringify(bench.events)).not.toContain("s3cr3t");
  });
});
