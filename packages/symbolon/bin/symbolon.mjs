#!/usr/bin/env node
// Starts the TypeScript CLI on Bun; everything else is in symbolon.ts.
import { fileURLToPath } from "node:url";
import { runOnBun } from "./run-on-bun.mjs";

// Bun would read .env and bunfig.toml of the current directory, which may be anybody's; bunfig.toml can name code to run.
const ignoreCurrentDirectory = ["--no-env-file", "--config=/dev/null"];

runOnBun([...ignoreCurrentDirectory, fileURLToPath(new URL("symbolon.ts", import.meta.url)), ...process.argv.slice(2)]);
