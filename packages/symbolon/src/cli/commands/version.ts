import type { Command } from "commander";
import packageJson from "../../../package.json" with { type: "json" };

export const PRODUCT_VERSION: string = packageJson.version;

export function addVersionCommand(program: Command): void {
  program
    .command("version")
    .description("Print the versions of Symbolon and of the runtime.")
    .option("-o, --output <format>", "json")
    .addHelpText(
      "after",
      `
Examples:
  symbolon version
  symbolon version -o json`,
    )
    .action((options: { output?: string }) => {
      const versions = {
        symbolon: PRODUCT_VERSION,
        bun: Bun.version,
        platform: `${process.platform}-${process.arch}`,
      };
      if (options.output === "json") console.log(JSON.stringify(versions, undefined, 2));
      else for (const [name, value] of Object.entries(versions)) console.log(`${name} ${value}`);
    });
}
