import type { Reporter, TestModule } from "vitest/node";

/** Says at the end of a run how many tests talked to a real API server; says nothing when none did. */
export function apiReporter(): Reporter {
  return {
    onTestRunEnd: (modules: ReadonlyArray<TestModule>) => {
      let ran = 0;
      for (const module of modules) {
        if (module.project.name !== "api") continue;
        for (const test of module.children.allTests()) {
          const { state } = test.result();
          if (state === "passed" || state === "failed") ran += 1;
        }
      }
      if (ran > 0) process.stdout.write(`\n${ran} tests ran against a real kube-apiserver\n`);
    },
  };
}
