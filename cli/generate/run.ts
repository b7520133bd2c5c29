import { join } from "node:path";

import { generatedFiles } from "#cli/generate/index.ts";
import { writeGenerated } from "#cli/generate/write.ts";

const changed = await writeGenerated(join(import.meta.dirname, "../.."), generatedFiles());
process.stdout.write(changed.map((path) => `${path}\n`).join(""));
