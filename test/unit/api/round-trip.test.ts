import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

import { customResources } from "#api/custom-resources.ts";
import type { ApiGroup } from "#api/custom-resource.ts";
import type { ServedVersion } from "#api/names.ts";
import { renderedSchema } from "#test/unit/api/structural-fields.ts";
import { pruned, valuesOf } from "#test/unit/api/structural-values.ts";

const metadata = { name: "demo", namespace: "demo", uid: "38bca041", resourceVersion: "357" };

/** How an object written in any version reads back in `to`: the API server stores it in one and only renames the version. */
function reader(kind: string, group: ApiGroup, to: ServedVersion): (written: object) => unknown {
  const stored = renderedSchema(kind, group.stored);
  const read = renderedSchema(kind, to);
  return (written) => pruned(read, pruned(stored, written));
}

function withoutDeadFields(object: Record<string, unknown>): unknown {
  const { status, ...rest } = object;
  if (status === undefined) return rest;
  const { failureReason: _reason, failureMessage: _message, ...kept } = status as Record<string, unknown>;
  return { ...rest, status: kept };
}

describe("an object of any kind", () => {
  const routes = customResources.flatMap(({ kind, group, schema }) =>
    group.served.flatMap((from) => group.served.map((to) => ({ kind, group, schema, from, to }))),
  );

  it.each(routes)(
    "of kind $kind loses nothing when it is written in $from and read in $to [check 2] [check 3]",
    ({ kind, group, schema, from, to }) => {
      const objects = valuesOf(renderedSchema(kind, from)).map((object) => ({
        ...(object as object),
        kind,
        metadata,
      }));
      const readBack = reader(kind, group, to);
      fc.assert(
        fc.property(objects, (object) => {
          const answered = readBack(object);
          expect(answered).toEqual({ ...(withoutDeadFields(object) as object), metadata });
          expect(schema.safeParse({ apiVersion: "x/v1", ...(answered as object) }).error).toBeUndefined();
        }),
        { numRuns: 60 },
      );
    },
  );
});
