/**
 * Istio's own samples, from a folder beside the checkout. Where it is missing no test is registered, and a line says so.
 */
import { describe, expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { findingLines, parse } from "../../../../test/fakes/manifests.ts";
import { createImageMap } from "../pod-runtime/index.ts";

const FOLDER = fileURLToPath(new URL("../../../../../shared/vectors/istio-samples/samples/", import.meta.url));

/** Taken as they are, with the number of their objects. */
const ACCEPTED: Readonly<Record<string, number>> = {
  "bookinfo/platform/kube/bookinfo-versions.yaml": 6,
  "bookinfo/platform/kube/bookinfo.yaml": 14,
  "curl/curl.yaml": 3,
  "helloworld/gateway-api/helloworld-versions.yaml": 2,
  "helloworld/helloworld-dual-stack.yaml": 3,
  "helloworld/helloworld.yaml": 3,
  "httpbin/httpbin-nodeport.yaml": 2,
  "httpbin/httpbin.yaml": 3,
  "sleep/sleep.yaml": 3,
  "tcp-echo/tcp-echo-dual-stack.yaml": 2,
  "tcp-echo/tcp-echo-ipv4.yaml": 2,
  "tcp-echo/tcp-echo-ipv6.yaml": 2,
  "tcp-echo/tcp-echo-services.yaml": 3,
  "tcp-echo/tcp-echo.yaml": 2,
};

/** Nothing enforces what these ask for. */
const UNENFORCED = [
  "bookinfo/networking/destination-rule-all-mtls.yaml",
  "bookinfo/networking/egress-rule-google-apis.yaml",
  "bookinfo/policy/productpage_envoy_ratelimit.yaml",
  "multicluster/expose-istiod-https.yaml",
  "ratelimit/local-rate-limit-service.yaml",
];

const resolveCommand = createImageMap({ entries: [], self: ["symbolon"] });

function explainUnknownImage(image: string): string | undefined {
  try {
    resolveCommand({ name: "c", image, args: [], env: [], ports: [] });
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

const readSample = (file: string, allowUnenforced = false) =>
  parse(readFileSync(`${FOLDER}${file}`, "utf8"), { explainUnknownImage, allowUnenforced });

if (!existsSync(FOLDER)) console.log(`skipped: no Istio samples at ${FOLDER}`);
else
  describe("Istio's samples", () => {
    const files = [...new Bun.Glob("**/*.{yaml,yml}").scanSync(FOLDER)].sort();

    test.each(files)("%s is taken, or every mistake has a place and a field", (file) => {
      const { objects, findings } = readSample(file);
      const errors = findings.filter(({ severity }) => severity === "error");
      expect(objects.length + findings.length).toBeGreaterThan(0);
      for (const { path, position, message } of findings) {
        expect(path).not.toBe("");
        expect(position.line).toBeGreaterThan(0);
        expect(position.column).toBeGreaterThan(0);
        expect(message.length).toBeGreaterThan(10);
      }
      const wanted = ACCEPTED[file];
      if (wanted !== undefined)
        expect({ count: objects.length, errors: findingLines(errors) }).toEqual({ count: wanted, errors: [] });
    });

    test("every sample that runs unchanged is there", () => {
      expect(Object.keys(ACCEPTED).filter((file) => !files.includes(file))).toEqual([]);
    });

    test.each(UNENFORCED)("%s is refused, and taken with --allow-unenforced", (file) => {
      const errors = (allow: boolean) =>
        readSample(file, allow).findings.filter(({ code, severity }) => code === "SYM2001" && severity === "error");
      expect(errors(false).length).toBeGreaterThan(0);
      expect(errors(true)).toEqual([]);
    });

    test("a refused volume is one mistake, not one more for each mount of it", () => {
      const { findings } = readSample("ratelimit/rate-limit-service.yaml");
      const codes = findings.filter(({ severity }) => severity === "error").map(({ code }) => code);
      expect(codes).toEqual(["SYM2103", "SYM2004"]);
    });
  });
