/** What `istioctl analyze` says of Istio's own inputs, from a folder beside the checkout; where it is missing a line says so. */
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { formatFinding } from "../document/index.ts";
import { parseYamlDocuments } from "../yaml/index.ts";
import { analyzeDocuments } from "./analyze-documents.ts";

const FOLDER = fileURLToPath(new URL("../../../../../shared/vectors/istio-tables/", import.meta.url));

interface AnalyzerCase {
  readonly analyzer: string;
  readonly name: string;
  readonly inputFiles: readonly string[];
  readonly messages: readonly { readonly code: string; readonly origin: string }[];
}

/** Which of our codes are the messages of one of Istio's analyzers: each case runs that analyzer alone. */
const COVERED: Readonly<Record<string, readonly string[]>> = {
  "auth.AuthorizationPoliciesAnalyzer": ["SYM1014", "SYM1015"],
  "authn.BlockedCIDRsAnalyzer": ["SYM1025"],
  "destinationrule.CaCertificateAnalyzer": ["SYM1016", "SYM1017"],
  "k8sgateway.SelectorAnalyzer": ["SYM1032"],
};
/** Istio's message is about more kinds than are read here. */
const KINDS_ELSEWHERE = /^(?:Telemetry|WasmPlugin) /;

if (!existsSync(`${FOLDER}analyzers-cases.json`))
  console.log(`no tests with analyzers-cases.json: ${FOLDER} does not have it`);
else
  describe("Istio's analyzers", () => {
    const { cases } = JSON.parse(readFileSync(`${FOLDER}analyzers-cases.json`, "utf8")) as {
      readonly cases: readonly AnalyzerCase[];
    };
    const covered = cases.filter(({ analyzer }) => Object.hasOwn(COVERED, analyzer));
    for (const vector of covered) test(`${vector.analyzer}: ${vector.name}`, () => checkCase(vector));
    test("16 cases of the auth, authn, TLS and gateway analyzers are covered", () => assert.equal(covered.length, 16));
  });

const SAMPLES = fileURLToPath(new URL("../../../../../shared/vectors/istio-samples/samples/", import.meta.url));

if (!existsSync(SAMPLES)) console.log(`no tests with istio-samples: ${SAMPLES} does not exist`);
else
  test("Istio's samples of all kinds are analyzed, and none of their policies is an error", () => {
    const files = readdirSync(SAMPLES, { recursive: true, encoding: "utf8" }).filter((file) => /\.ya?ml$/.test(file));
    const findings = files.flatMap((file) =>
      analyzeDocuments(parseYamlDocuments(readFileSync(SAMPLES + file, "utf8"), file).documents),
    );
    assert.ok(files.length > 50, `${files.length} files`);
    assert.deepEqual(findings.filter(({ severity }) => severity === "error").map(formatFinding), []);
    // Two samples originate TLS without naming a CA, which Istio's analyzer says as well.
    assert.deepEqual(new Set(findings.map(({ code }) => code)), new Set(["SYM1017"]));
  });

function checkCase({ analyzer, inputFiles, messages }: AnalyzerCase): void {
  const documents = inputFiles.flatMap((file) => {
    const text = readFileSync(`${FOLDER}analyzers/${file.replace("testdata/", "")}`, "utf8");
    return parseYamlDocuments(text, file).documents;
  });
  const findings = analyzeDocuments(documents);
  const got = findings.filter(({ code }) => COVERED[analyzer]?.includes(code));
  assert.deepEqual(
    new Set(got.map(({ istioCode, object }) => `${istioCode} ${originOf(object)}`)),
    new Set(
      messages
        .filter(({ origin }) => !KINDS_ELSEWHERE.test(origin))
        .map(({ code, origin }) => `${code} ${originOf(split(origin))}`),
    ),
  );
}

/** Istio names an object without namespace by its name; here it is of the default namespace. */
function originOf({
  kind,
  namespace,
  name,
}: {
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
}) {
  return `${kind} ${namespace === "" ? "default" : namespace}/${name}`;
}

function split(origin: string) {
  const [kind = "", path = ""] = origin.split(" ");
  const slash = path.indexOf("/");
  return { kind, namespace: slash < 0 ? "" : path.slice(0, slash), name: path.slice(slash + 1) };
}
