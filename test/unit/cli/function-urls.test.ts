import { describe, expect, it } from "vitest";
import { functionUrls } from "#cli/operator/served-elsewhere.ts";

describe("--functions-url", () => {
  it.each([
    [
      "http://{function}.capfn-system.svc.cluster.local/{function}",
      "http://vm-create.capfn-system.svc.cluster.local/vm-create",
    ],
    ["http://capfn-{function}.capfn-system.svc", "http://capfn-vm-create.capfn-system.svc"],
    [
      "http://{function}.capfn-system.svc:8080/{function}",
      "http://vm-create.capfn-system.svc:8080/vm-create",
    ],
    ["https://functions.example.com:8443/{function}", "https://functions.example.com:8443/vm-create"],
    ["http://[::1]:8080/{function}", "http://[::1]:8080/vm-create"],
  ])("%s leads to %s", (template, url) => {
    expect(functionUrls(template)("vm-create")).toBe(url);
    expect(URL.canParse(url)).toBe(true);
  });

  it.each([
    "http://localhost:8080",
    "{function}",
    "localhost/{function}",
    "ftp://host/{function}",
    "http://:80/{function}",
  ])("%s is refused with the mend", (template) => {
    expect(() => functionUrls(template)).toThrow(/--functions-url: .* use e\.g\. http:\/\/localhost:8080/);
  });
});
