import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { merged } from "#cli/generate/deploy/rules.ts";
import { block, manifestText, setting, templateText, when } from "#cli/generate/deploy/template.ts";

const document = {
  node: {
    kind: "Some",
    replicas: setting(1, "$.Values.replicas"),
    only: setting(undefined, "$.Values.only | quote"),
    extra: block({}, "$.Values.extra"),
    list: [
      "a",
      when("$.Values.b", "b"),
      when("$.Values.c", "c", { inManifest: true }),
      block(["d"], "$.Values.d"),
    ],
    perhaps: [when("$.Values.b", "b"), block([], "$.Values.d")],
  },
  condition: "$.Values.on",
};

describe("a manifest that is also a template", () => {
  it("stands in manifests with what is true without values", () => {
    expect(parse(manifestText([document]))).toEqual({ kind: "Some", replicas: 1, list: ["a", "c", "d"] });
  });

  it("stands in the chart with what takes values in its place", () => {
    expect(templateText([document]).split("\n")).toEqual([
      "{{- if $.Values.on }}",
      "---",
      "kind: Some",
      "replicas: {{ $.Values.replicas }}",
      "only: {{ $.Values.only | quote }}",
      "{{- with $.Values.extra }}",
      "extra:",
      "  {{- toYaml . | nindent 2 }}",
      "{{- end }}",
      "list:",
      "  - a",
      "  {{- if $.Values.b }}",
      "  - b",
      "  {{- end }}",
      "  {{- if $.Values.c }}",
      "  - c",
      "  {{- end }}",
      "  {{- with $.Values.d }}",
      "  {{- toYaml . | nindent 2 }}",
      "  {{- end }}",
      "{{- if or ($.Values.b) ($.Values.d) }}",
      "perhaps:",
      "  {{- if $.Values.b }}",
      "  - b",
      "  {{- end }}",
      "  {{- with $.Values.d }}",
      "  {{- toYaml . | nindent 2 }}",
      "  {{- end }}",
      "{{- end }}",
      "{{- end }}",
      "",
    ]);
  });

  it("keeps Helm from reading text as an expression", () => {
    expect(templateText([{ node: { text: "a {{ b }}" } }])).toContain('text: a {{ "{{" }} b }}');
  });

  it("is left out of the manifests when it takes values alone", () => {
    expect(manifestText([{ ...document, chartOnly: true }])).toBe("");
  });
});

describe("rights of several", () => {
  it("are the same rights in fewer rules", () => {
    const rule = (apiGroup: string, resource: string, ...verbs: string[]) => ({
      apiGroups: [apiGroup],
      resources: [resource],
      verbs,
    });
    expect(
      merged([
        rule("", "secrets", "patch"),
        rule("", "secrets", "get"),
        rule("a", "y", "list", "get"),
        rule("a", "x", "get", "list"),
        rule("a", "x/status", "patch"),
      ]),
    ).toEqual([
      { apiGroups: [""], resources: ["secrets"], verbs: ["get", "patch"] },
      { apiGroups: ["a"], resources: ["x", "y"], verbs: ["get", "list"] },
      { apiGroups: ["a"], resources: ["x/status"], verbs: ["patch"] },
    ]);
  });
});
