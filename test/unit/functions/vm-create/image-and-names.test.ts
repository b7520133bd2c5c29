import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { claimName, macAddress } from "#functions/harvester/vm-create/derived-names.ts";
import { lookUpImage, parseReference } from "#functions/harvester/vm-image.ts";
import { createView } from "./create-view.ts";

describe("lookUpImage", () => {
  const image = (name: string, status: object, displayName = "leap") => ({
    metadata: { name, namespace: "default" },
    spec: { displayName },
    status,
  });
  const lookUp = (...images: Record<string, unknown>[]) =>
    lookUpImage({ namespace: "default", name: "leap" }, createView({ images }).related.images);

  it("takes the usable one of several with a display name, whatever their order [check 57]", () => {
    const ready = image("z", { progress: 100 });
    const importing = image("a", { progress: 10 });
    for (const order of [
      [ready, importing],
      [importing, ready],
    ])
      expect(lookUp(...order)).toMatchObject({ state: "usable", image: { meta: { name: "z" } } });
  });

  it("prefers the image whose resource name was given [check 57]", () => {
    expect(lookUp(image("a", {}), image("leap", {}, "other"))).toMatchObject({
      image: { meta: { name: "leap" } },
    });
  });

  it.each([
    [{ conditions: [{ type: "Imported", status: "True" }] }, "usable"],
    [{ conditions: [{ type: "Imported", status: "Unknown" }], progress: 100 }, "importing"],
    [{ progress: 99 }, "importing"],
    [{ progress: 100 }, "usable"],
    [{}, "usable"],
  ])("with status %o is %s (W30)", (status, state) => {
    expect(lookUp(image("a", status)).state).toBe(state);
  });

  it("looks in the namespace named only", () => {
    expect(lookUp({ ...image("leap", {}), metadata: { name: "leap", namespace: "other" } }).state).toBe(
      "missing",
    );
  });
});

describe("parseReference", () => {
  it.each([
    ["a/b", { namespace: "a", name: "b" }],
    ["b", { namespace: "target", name: "b" }],
    ["", undefined],
    ["a/", undefined],
    ["/b", undefined],
    ["a/b/c", undefined],
  ])("reads %j [check 57] [check 59]", (text, expected) => {
    expect(parseReference(text, "target")).toEqual(expected);
  });
});

describe("derived names", () => {
  it("are unicast, locally administered MACs and suffixes in Harvester's form, for any identity (property)", () => {
    fc.assert(
      fc.property(fc.uuid(), fc.nat(9), (identity, index) => {
        expect(macAddress(identity, index)).toMatch(/^[0-9a-f][26ae](:[0-9a-f]{2}){5}$/);
        expect(claimName("m-0", identity, index)).toMatch(/^m-0-disk-\d-[a-z]{3}[0-9][a-z]$/);
        expect(macAddress(identity, index)).toBe(macAddress(identity, index));
      }),
    );
  });
});
