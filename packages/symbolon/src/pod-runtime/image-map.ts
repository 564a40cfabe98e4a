import { productError } from "../core/index.ts";
import { type Container, expandVariables } from "../mesh/index.ts";
import { imageMatches } from "./image-name.ts";
import type { CommandResolver } from "./ports.ts";
import { splitWords } from "./split-words.ts";

/** What runs instead of an image that has no `command`; `args` are appended. "{port}" is the first containerPort. */
export interface ImageMapEntry {
  /** Image name, in which "*" stands for any characters. */
  readonly pattern: string;
  readonly command: readonly string[];
}

export interface ImageMapOptions {
  /** Looked at first, in order. */
  readonly entries: readonly ImageMapEntry[];
  /** Command line that runs this executable, e.g. `["/usr/bin/bun", "bin/symbolon.ts"]`. */
  readonly self: readonly string[];
}

/**
 * Turns a container into a command line; an image that nothing is known about is an error, never a guess.
 * `$(NAME)` in the container's own words was filled in when the pod was made; only an entry's words still are to be.
 */
export function createImageMap({ entries, self }: ImageMapOptions): CommandResolver {
  return (container) => {
    if (container.command) return [...container.command, ...container.args];
    const argv = fromEntries(entries, container) ?? fromBuiltIns(self, container);
    if (!argv) throw unknownImage(container);
    return argv;
  };
}

function fromEntries(entries: readonly ImageMapEntry[], container: Container): readonly string[] | undefined {
  const entry = entries.find(({ pattern }) => imageMatches(pattern, container.image));
  if (!entry) return undefined;
  const port = containerPort(container);
  const words = entry.command.map((word) => (port === undefined ? word : word.replaceAll("{port}", `${port}`)));
  if (words.some((word) => word.includes("{port}")))
    throw productError(
      "ERR_IMAGE_MAP_INVALID",
      `image map entry "${entry.pattern}" uses {port}, but container "${container.name}" names no containerPort`,
    );
  const variables = new Map(container.env.map(({ name, value }) => [name, value]));
  return [...words.map((word) => expandVariables(word, variables)), ...container.args];
}

type BuiltIn = (container: Container, program: (...args: string[]) => readonly string[]) => readonly string[];

/** Images of Istio's samples. Ports are the real images' own, unless the manifest names another. */
const BUILT_INS: readonly (readonly [pattern: string, command: BuiltIn])[] = [
  ["*/httpbin", (container, program) => program("httpbin", `${containerPort(container) ?? 80}`)],
  ["*/go-httpbin", (container, program) => program("httpbin", `${goHttpbinPort(container)}`)],
  ["*/curl", curlImage],
  ["*/sleep", (container, program) => (container.args.length > 0 ? ["sleep", ...container.args] : idle(program))],
  ["*/tcp-echo-server", (container, program) => program("tcp-echo", ...tcpEchoArgs(container))],
  ["*/examples-helloworld-v1", (container, program) => program("helloworld", "v1", helloworldPort(container))],
  ["*/examples-helloworld-v2", (container, program) => program("helloworld", "v2", helloworldPort(container))],
  [
    "*/examples-bookinfo-productpage-v1",
    (container, program) => program("bookinfo-productpage", bookinfoPort(container)),
  ],
  ["*/examples-bookinfo-details-v1", (container, program) => program("bookinfo-details", bookinfoPort(container))],
  ["*/examples-bookinfo-ratings-v1", (container, program) => program("bookinfo-ratings", bookinfoPort(container))],
  ...["v1", "v2", "v3"].map((version): (typeof BUILT_INS)[number] => [
    `*/examples-bookinfo-reviews-${version}`,
    (container, program) => program("bookinfo-reviews", version, bookinfoPort(container)),
  ]),
];

/** A sleep that knows "infinity" is GNU's and BusyBox'. */
function idle(program: (...args: string[]) => readonly string[]): readonly string[] {
  return process.platform === "linux" ? ["sleep", "infinity"] : program("idle");
}

function fromBuiltIns(self: readonly string[], container: Container): readonly string[] | undefined {
  const found = BUILT_INS.find(([pattern]) => imageMatches(pattern, container.image));
  return found?.[1](container, (...args) => [...self, "program", ...args]);
}

/** Flag, then environment, then the manifest's port, as go-httpbin itself decides. */
function goHttpbinPort(container: Container): string {
  const flag = container.args.findIndex((arg) => /^--?port$/.test(arg));
  const inFlag = flag < 0 ? undefined : container.args[flag + 1];
  const joined = container.args.find((arg) => /^--?port=/.test(arg))?.replace(/^--?port=/, "");
  const variable = container.env.find(({ name }) => name === "PORT")?.value;
  return inFlag ?? joined ?? variable ?? `${containerPort(container) ?? 8080}`;
}

/** As the image's entry point: an option or a URL is for curl, anything else is a command. */
function curlImage(container: Container, program: (...args: string[]) => readonly string[]): readonly string[] {
  const [first] = container.args;
  if (first === undefined) return idle(program);
  return first.startsWith("-") || first.includes("://") ? ["curl", ...container.args] : container.args;
}

function tcpEchoArgs(container: Container): readonly string[] {
  const [ports = "9000,9001,9002", prefix = "hello"] = container.args;
  return [ports, prefix];
}

function bookinfoPort(container: Container): string {
  return `${containerPort(container) ?? 9080}`;
}

function helloworldPort(container: Container): string {
  return `${containerPort(container) ?? 5000}`;
}

function containerPort(container: Container): number | undefined {
  return container.ports.find((port) => port.protocol === "tcp")?.containerPort;
}

function unknownImage(container: Container): Error {
  const line = `--image '${container.image}=COMMAND ARGUMENTS'`;
  return productError(
    "ERR_IMAGE_UNKNOWN",
    `container "${container.name}" has image "${container.image}" without a command, and no program is known for that image; give the container a "command", or add ${line}`,
    { details: { image: container.image, container: container.name, line } },
  );
}

/** `PATTERN=COMMAND ARGUMENTS`; the words are split as a shell would, without any expansion. */
export function parseImageOption(text: string): ImageMapEntry {
  const equals = text.indexOf("=");
  const pattern = text.slice(0, Math.max(equals, 0)).trim();
  const command = equals < 0 ? [] : splitWords(text.slice(equals + 1));
  if (pattern === "" || command.length === 0)
    throw productError(
      "ERR_IMAGE_MAP_INVALID",
      `image map entry "${text}" is not "PATTERN=COMMAND ARGUMENTS", such as "*/my-app=node server.js --port {port}"`,
    );
  return { pattern, command };
}

/** Entries of an image map file's document: `images: {PATTERN: "COMMAND ARGUMENTS" | [COMMAND, ARGUMENT...]}`. */
export function readImageMap(document: unknown, source: string): readonly ImageMapEntry[] {
  const images = isRecord(document) ? document.images : undefined;
  if (!isRecord(document) || !isRecord(images) || Object.keys(document).length !== 1)
    throw productError("ERR_IMAGE_MAP_INVALID", `${source}: wanted one field "images" that maps patterns to commands`);
  return Object.entries(images).map(([pattern, value]) => {
    const command = typeof value === "string" ? splitWords(value) : value;
    if (!Array.isArray(command) || command.length === 0 || !command.every((word) => typeof word === "string"))
      throw productError(
        "ERR_IMAGE_MAP_INVALID",
        `${source}: command of image "${pattern}" is neither a text nor a list of texts`,
      );
    return { pattern, command };
  });
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
