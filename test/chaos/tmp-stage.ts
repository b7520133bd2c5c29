import { writeFile } from "node:fs/promises";
import { ownStage } from "#test/chaos/own-stage.ts";
await using stage = await ownStage((l) => console.log(l));
const plain = Object.fromEntries(
  (["M", "H", "W"] as const).map((api) => [
    api,
    {
      configs: Object.fromEntries(
        (["admin", "capfn", "simulator"] as const).map((u) => [u, stage[api].config(u)]),
      ),
      kubeconfig: stage[api].kubeconfig,
    },
  ]),
);
await writeFile("/tmp/stage.json", JSON.stringify(plain));
console.log("up", process.pid);
await new Promise<void>((r) => {
  process.on("SIGTERM", () => r());
  setInterval(() => {}, 1e6);
});
