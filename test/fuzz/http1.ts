/**
 * Fuzzes the request parser, the response parser and the detection of HTTP and of TLS: mutated members of a corpus, each
 * read whole and cut in pieces. Stops at the first finding and saves the input beside the corpus.
 *
 * EXECUTIONS=10000000 SEED=1 node tools/run.mjs test/fuzz/http1.ts
 */
import { readFileSync, writeFileSync } from "node:fs";
import { fuzzHttp1 } from "./http1-target.ts";

const executions = Number(process.env.EXECUTIONS ?? 100_000);
const seed = Number(process.env.SEED ?? 1);
const started = performance.now();
const result = fuzzHttp1({ executions, seed, corpus: loadCorpus(), hellos: loadHellos() });
const seconds = (performance.now() - started) / 1000;
if (result.finding) {
  const file = new URL(`./corpus/http1-finding-${result.finding.execution}.bin`, import.meta.url);
  writeFileSync(file, result.finding.input);
  console.log(
    `finding in execution ${result.finding.execution} (seed ${seed}): ${result.finding.problem}\nsaved as ${file.pathname}`,
  );
  process.exit(1);
}
console.log(`${executions} executions, seed ${seed}, ${seconds.toFixed(1)} s, 0 findings`);
console.log(`${result.admitted} inputs with a message, ${result.kinds} outcomes: ${result.outcomes.join(" ")}`);

function loadCorpus(): readonly Buffer[] {
  const url = new URL("./corpus/http1.json", import.meta.url);
  const { inputs }: { inputs: readonly string[] } = JSON.parse(readFileSync(url, "utf8"));
  return inputs.map((input) => Buffer.from(input, "latin1"));
}

function loadHellos(): readonly Buffer[] {
  const url = new URL("./corpus/client-hello.json", import.meta.url);
  const { hellos }: { hellos: readonly string[] } = JSON.parse(readFileSync(url, "utf8"));
  return hellos.map((hello) => Buffer.from(hello, "base64"));
}
