import { meshProcess } from "../src/cli/mesh-processes.ts";

const argv = process.argv.slice(2);
const run = meshProcess(argv);
// A process of a mesh has no use for the commands: without them it starts sooner and is smaller.
if (run) {
  try {
    process.exit(await run());
  } catch (error) {
    const { explain } = await import("../src/cli/main.ts");
    process.exit(explain(error));
  }
} else {
  const { main } = await import("../src/cli/main.ts");
  await main(argv);
}
