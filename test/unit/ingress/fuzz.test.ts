import { expect, it } from "vitest";
import { fuzzIngress } from "#test/chaos/ingress-fuzz.ts";

it("the ingress answers seeded nonsense with 2xx, 4xx or 503 and never falls over; npm run fuzz sends more", async () => {
  const { answers, wrong } = await fuzzIngress({ seed: 7, inputs: 600 });
  expect(wrong).toEqual([]);
  const statuses = new Set(Object.keys(answers));
  // All kinds of answers are met, so the inputs are not all refused at the door.
  for (const each of ["/alerts 200", "/alerts 400", "/alerts 503", "/events 202", "/events 400"])
    expect(statuses).toContain(each);
}, 60_000);
