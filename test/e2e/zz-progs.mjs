import { clusterProgram } from "/tmp/wt/cluster/test/e2e/cluster/programs.ts";
import { systemClock } from "/tmp/wt/cluster/platform/process/clock.ts";
import { processEnvironment } from "/tmp/wt/cluster/platform/process/environment.ts";
import { envoyProgram } from "/tmp/wt/cluster/test/e2e/cluster/components/envoy.ts";
import { imageArchive } from "/tmp/wt/cluster/test/e2e/cluster/capfn-image.ts";
setInterval(() => {}, 1000);
const host = { environment: processEnvironment(), clock: systemClock(), progress: console.log };
const b0 = Date.now();
for (const n of process.argv.slice(2)) {
  const b = Date.now();
  if (n === "image") console.log(await imageArchive(host, "capfn:0.1.0"));
  else if (n === "envoy") console.log(await envoyProgram(host));
  else await clusterProgram(host, n);
  console.log(n, (Date.now() - b) / 1000);
}
process.exit();
