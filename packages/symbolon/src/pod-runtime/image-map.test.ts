import { describe, expect, test } from "bun:test";
import type { Container } from "../mesh/index.ts";
import { createImageMap, type ImageMapEntry, parseImageOption, readImageMap } from "./image-map.ts";
import { imageMatches, parseImageName } from "./image-name.ts";
import { splitWords } from "./split-words.ts";

const container = (image: string, more: Partial<Container> = {}): Container => ({
  name: "c",
  image,
  args: [],
  env: [],
  ports: [],
  ...more,
});
const tcp = (...ports: readonly number[]) => ({
  ports: ports.map((containerPort) => ({ containerPort, protocol: "tcp" as const })),
});
const resolve = (given: Container, ...entries: readonly ImageMapEntry[]) =>
  createImageMap({ entries, self: ["bun", "symbolon"] })(given);
const entry = (pattern: string, ...command: readonly string[]): ImageMapEntry => ({ pattern, command });

describe("image map", () => {
  test("a command of its own wins over everything, exactly as it was made", () => {
    const own = container("*/httpbin", {
      command: ["/bin/x", "$(A)"],
      args: ["$$(A)"],
      env: [{ name: "A", value: "1" }],
    });
    expect(resolve(own, entry("*", "other"))).toEqual(["/bin/x", "$(A)", "$$(A)"]);
  });

  test("entries come before what is built in, in order, and arguments are appended", () => {
    const given = container("docker.io/mccutchen/go-httpbin:v2", { args: ["-x"], ...tcp(8080) });
    expect(resolve(given, entry("*/go-httpbin", "mine", "{port}"), entry("*", "never"))).toEqual([
      "mine",
      "8080",
      "-x",
    ]);
  });

  test("an entry's words see the container's environment, its arguments are taken as they are", () => {
    const given = container("x/app", { args: ["$(A)"], env: [{ name: "A", value: "1" }] });
    expect(resolve(given, entry("*/app", "run", "--a=$(A)", "$(NONE)", "$$(A)"))).toEqual([
      "run",
      "--a=1",
      "$(NONE)",
      "$(A)",
      "$(A)",
    ]);
  });

  test("{port} is the first TCP port, and without one the entry is refused", () => {
    const ports = [
      { containerPort: 53, protocol: "udp" as const },
      { containerPort: 80, protocol: "tcp" as const },
      { containerPort: 81, protocol: "tcp" as const },
    ];
    expect(resolve(container("x/app", { ports }), entry("*/app", "run", ":{port}"))).toEqual(["run", ":80"]);
    expect(() => resolve(container("x/app"), entry("*/app", "run", "{port}"))).toThrow(
      expect.objectContaining({
        code: "ERR_IMAGE_MAP_INVALID",
        message: 'image map entry "*/app" uses {port}, but container "c" names no containerPort',
      }),
    );
  });

  test("Istio's samples run without a line of configuration", () => {
    const cases: readonly (readonly [Container, readonly string[]])[] = [
      [container("docker.io/kennethreitz/httpbin"), ["httpbin", "80"]],
      [container("docker.io/mccutchen/go-httpbin:v2.15.0", tcp(8080)), ["httpbin", "8080"]],
      [container("mccutchen/go-httpbin"), ["httpbin", "8080"]],
      [container("mccutchen/go-httpbin", { args: ["-port", "8090"], ...tcp(8080) }), ["httpbin", "8090"]],
      [container("mccutchen/go-httpbin", { args: ["--port=8091"] }), ["httpbin", "8091"]],
      [container("mccutchen/go-httpbin", { env: [{ name: "PORT", value: "8092" }] }), ["httpbin", "8092"]],
      [container("istio/tcp-echo-server:1.3", { args: ["9000,9001", "one"] }), ["tcp-echo", "9000,9001", "one"]],
      [container("istio/tcp-echo-server"), ["tcp-echo", "9000,9001,9002", "hello"]],
      [container("istio/examples-helloworld-v1:1.0", tcp(5000)), ["helloworld", "v1", "5000"]],
      [container("istio/examples-helloworld-v2"), ["helloworld", "v2", "5000"]],
      [
        container("registry.istio.io/release/examples-bookinfo-productpage-v1:1.20.3"),
        ["bookinfo-productpage", "9080"],
      ],
      [container("istio/examples-bookinfo-details-v1", tcp(9081)), ["bookinfo-details", "9081"]],
      [container("istio/examples-bookinfo-ratings-v1:1.20.3"), ["bookinfo-ratings", "9080"]],
      [container("istio/examples-bookinfo-reviews-v1:1.20.3"), ["bookinfo-reviews", "v1", "9080"]],
      [container("istio/examples-bookinfo-reviews-v2:1.20.3"), ["bookinfo-reviews", "v2", "9080"]],
      [container("istio/examples-bookinfo-reviews-v3", tcp(9083)), ["bookinfo-reviews", "v3", "9083"]],
    ];
    for (const [given, words] of cases) expect(resolve(given)).toEqual(["bun", "symbolon", "program", ...words]);
    expect(resolve(container("curlimages/curl"))).toEqual(["sleep", "infinity"]);
    expect(resolve(container("curlimages/curl", { args: ["-sS", "http://x"] }))).toEqual(["curl", "-sS", "http://x"]);
    expect(resolve(container("curlimages/curl", { args: ["http://x"] }))).toEqual(["curl", "http://x"]);
    expect(resolve(container("curlimages/curl", { args: ["sh", "-c", "x"] }))).toEqual(["sh", "-c", "x"]);
    expect(resolve(container("x/sleep", { args: ["5"] }))).toEqual(["sleep", "5"]);
  });

  test("an unknown image is an error with the line to add, never a guess", () => {
    for (const image of ["nginx", "x/my-httpbin", "x/httpbin2", "httpbin/x"])
      expect(() => resolve(container(image))).toThrow(
        expect.objectContaining({
          code: "ERR_IMAGE_UNKNOWN",
          message: `container "c" has image "${image}" without a command, and no program is known for that image; give the container a "command", or add --image '${image}=COMMAND ARGUMENTS'`,
        }),
      );
  });
});

describe("image names", () => {
  test("are read by Docker's rules", () => {
    const cases: Readonly<Record<string, string>> = {
      httpbin: "docker.io/library/httpbin",
      "httpbin:v1": "docker.io/library/httpbin v1",
      "a/b": "docker.io/a/b",
      "localhost/b": "localhost/b",
      "localhost:5000/b": "localhost:5000/b",
      "r.example/a/b:t": "r.example/a/b t",
      "r.example:5000/a/b:t@sha256:abc": "r.example:5000/a/b t",
      "a/b@sha256:abc": "docker.io/a/b",
    };
    for (const [image, wanted] of Object.entries(cases)) {
      const { repository, tag } = parseImageName(image);
      expect(tag === undefined ? repository : `${repository} ${tag}`).toBe(wanted);
    }
  });

  test("a pattern's star stands for anything, everything else for itself", () => {
    const yes: readonly (readonly [string, string])[] = [
      ["*", "x"],
      ["*/httpbin", "httpbin"],
      ["*/httpbin", "a.example/b/httpbin:9@sha256:0"],
      ["httpbin", "docker.io/library/httpbin:latest"],
      ["a/b:1", "a/b:1"],
      ["a/b:latest", "a/b"],
      ["*/b:1.*", "a/b:1.2"],
      ["*a*b*", "xaxbx/aab"],
      ["r.example:5000/*", "r.example:5000/x"],
    ];
    for (const [pattern, image] of yes)
      expect([pattern, image, imageMatches(pattern, image)]).toEqual([pattern, image, true]);
    const no: readonly (readonly [string, string])[] = [
      ["*/httpbin", "a/xhttpbin"],
      ["*/httpbin", "httpbin/a"],
      ["httpbin", "a/httpbin"],
      ["a/b:1", "a/b"],
      ["a/b:1", "a/b:12"],
      ["*/b:1.*", "a/b:2.1"],
      ["*aa*a", "x/aa"],
      ["a.b/c", "axb/c"],
    ];
    for (const [pattern, image] of no)
      expect([pattern, image, imageMatches(pattern, image)]).toEqual([pattern, image, false]);
  });

  test("hostile patterns take linear time", () => {
    expect(imageMatches(`${"*a".repeat(2000)}b`, "a".repeat(20_000))).toBe(false);
  });
});

describe("image options", () => {
  test("are PATTERN=COMMAND ARGUMENTS", () => {
    expect(parseImageOption("*/app=node server.js --port {port}")).toEqual(
      entry("*/app", "node", "server.js", "--port", "{port}"),
    );
    expect(parseImageOption("*/app=sh -c 'a=b; c'")).toEqual(entry("*/app", "sh", "-c", "a=b; c"));
    for (const text of ["", "=x", "app", "app=", "app=   ", " =x"])
      expect(() => parseImageOption(text)).toThrow(expect.objectContaining({ code: "ERR_IMAGE_MAP_INVALID" }));
  });

  test("a file maps patterns to a text or a list", () => {
    expect(readImageMap({ images: { "*/a": "run 'x y'", "*/b": ["run", "x y"] } }, "f")).toEqual([
      entry("*/a", "run", "x y"),
      entry("*/b", "run", "x y"),
    ]);
    for (const document of [null, [], {}, { images: [] }, { images: {}, more: 1 }, { image: {} }, "x"])
      expect(() => readImageMap(document, "f")).toThrow('f: wanted one field "images"');
    for (const command of [1, null, [], [1], {}, ""])
      expect(() => readImageMap({ images: { a: command } }, "f")).toThrow('command of image "a"');
  });
});

describe("splitWords", () => {
  const cases: readonly (readonly [string, readonly string[]])[] = [
    ["", []],
    ["  ", []],
    [" a\tb\n c ", ["a", "b", "c"]],
    ["'a b' \"c d\"", ["a b", "c d"]],
    ["''", [""]],
    ["a'b'\"c\"", ["abc"]],
    ["a\\ b", ["a b"]],
    ["'a\\b'", ["a\\b"]],
    ['"a\\"b"', ['a"b']],
    ["a\\", ["a\\"]],
    ["$HOME *", ["$HOME", "*"]],
  ];
  test.each(cases)("%p", (text, words) => {
    expect(splitWords(text)).toEqual([...words]);
  });

  test("an open quote is refused", () => {
    expect(() => splitWords("a 'b")).toThrow("has an open quote (')");
  });
});
