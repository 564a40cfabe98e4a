#!/usr/bin/env node
// Starts the TypeScript CLI on Bun; everything else is in symbolon.ts.
import { fileURLToPath } from "node:url";
import { runOnBun } from "./run-on-bun.mjs";

runOnBun([fileURLToPath(new URL("symbolon.ts", import.meta.url)), ...process.argv.slice(2)]);
