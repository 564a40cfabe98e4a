// Runs a file, or a Bun subcommand, on the project's Bun from any Node: node tools/run.mjs FILE|test [ARG...]
import { runOnBun } from "../packages/symbolon/bin/run-on-bun.mjs";

runOnBun(process.argv.slice(2));
