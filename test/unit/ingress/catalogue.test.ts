import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import * as z from "zod";
import { allFunctions } from "#cli/functions.ts";
import { generateAsyncApi } from "#cli/generate/asyncapi.ts";
import { catalogue, generateEventPage } from "#cli/generate/events.ts";
import { eventDetails, eventTypeNamed } from "#events/catalog/details.ts";
import { eventTypes } from "#events/catalog/types.ts";
import { productSources } from "#test/support/documentation.ts";

const types = Object.keys(eventTypes);

describe("the catalogue", () => {
  it("has only types that something fires", () => {
    const firing = productSources().replaceAll(
      /export const event(?:Types|Details)\b.*?\n\}(?: as const)?;|\bon: \[[^\]]*\]/gs,
      "",
    );
    expect(firing).not.toContain("An alert fires whose machine");
    const idle = types.filter((type) => !new RegExp(`"${type.replaceAll(".", "\\.")}"`).test(firing));
    expect(idle).toEqual([]);
  });

  it("has every type that a function listens to", () => {
    expect(allFunctions.flatMap(({ on }) => on).filter((type) => !types.includes(type))).toEqual([]);
  });

  it("says of every type who listens, by what the functions say of themselves", () => {
    for (const { type, listeners } of catalogue()) {
      if (listeners === "every") continue;
      const said = allFunctions.filter(({ on }) => on.includes(type)).map(({ name }) => name);
      expect([...listeners].toSorted()).toEqual(said.toSorted());
    }
  });

  it("finds a type by its short name, and nothing that is inherited", () => {
    expect(eventTypeNamed("machine.changed")).toBe("dev.capfn.machine.changed");
    expect(eventTypeNamed("dev.capfn.machine.changed")).toBe("dev.capfn.machine.changed");
    for (const name of ["machine.exploded", "constructor", "__proto__", ""])
      expect(eventTypeNamed(name)).toBeUndefined();
  });

  it("accepts events without data, but for alerts", () => {
    const strict = Object.entries(eventDetails).filter(([, { data }]) => !data.safeParse({}).success);
    expect(strict.map(([type]) => type)).toEqual(["dev.capfn.alert.firing", "dev.capfn.alert.resolved"]);
  });
});

describe("what is rendered of it", () => {
  const page = generateEventPage().get("docs/events.md") ?? "";
  const document = z
    .looseObject({
      asyncapi: z.literal("3.0.0"),
      channels: z.record(z.string(), z.looseObject({ messages: z.record(z.string(), z.unknown()) })),
      operations: z.record(z.string(), z.looseObject({ action: z.enum(["send", "receive"]) })),
      components: z.looseObject({ messages: z.record(z.string(), z.unknown()) }),
    })
    .parse(parse(generateAsyncApi().get("docs/asyncapi.yaml") ?? ""));

  it("has a section on the page and a message in the document for every type", () => {
    for (const type of types) {
      expect(page).toContain(`### ${type}\n`);
      expect(Object.keys(document.channels["events"]?.messages ?? {})).toContain(type);
    }
  });

  it("refers to nothing that is not in the document, and has no message that no channel carries", () => {
    const refs = [...JSON.stringify(document).matchAll(/"\$ref":"#\/([^"]+)"/g)].map(([, path = ""]) => path);
    expect(refs.length).toBeGreaterThan(types.length);
    const missing = refs.filter(
      (path) =>
        path
          .split("/")
          .reduce<unknown>((at, key) => (at as Record<string, unknown> | undefined)?.[key], document) ===
        undefined,
    );
    expect(missing).toEqual([]);
    const carried = new Set(refs.map((path) => path.replace("components/messages/", "")));
    expect(Object.keys(document.components.messages).filter((name) => !carried.has(name))).toEqual([]);
  });
});
