import {
  detectHttp,
  HeadWriter,
  NO_EDITS,
  RequestParser,
  ResponseParser,
  writeRequestHead,
} from "../../packages/symbolon/src/proxy/http1/index.ts";
import { inspectFirstBytes } from "../../packages/symbolon/src/proxy/index.ts";
import { createMutator, type Mutator } from "./mutator.ts";

export interface FuzzOptions {
  readonly executions: number;
  readonly seed: number;
  readonly corpus: readonly Buffer[];
  /** ClientHellos of real clients. */
  readonly hellos: readonly Buffer[];
}

const KINDS = ["request", "response", "detection", "hello"] as const;

export interface FuzzResult {
  readonly finding?: { readonly execution: number; readonly input: Buffer; readonly problem: string };
  /** Inputs in which at least one message was read. */
  readonly admitted: number;
  readonly kinds: number;
  readonly outcomes: readonly string[];
}

/** Inputs that came to something new are kept and mutated further. */
const MAX_KEPT = 2000;

/** One execution: one input through one of the four readers. */
export function fuzzHttp1({ executions, seed, corpus, hellos }: FuzzOptions): FuzzResult {
  const mutator = createMutator(seed);
  const messages = [...corpus];
  const firstBytes = [...hellos, ...corpus.slice(0, 20)];
  const seen = new Set<string>();
  const outcomes = new Set<string>();
  let admitted = 0;
  for (let execution = 0; execution < executions; execution++) {
    const kind = execution % KINDS.length;
    const pool = kind === 3 ? firstBytes : messages;
    const input = mutator.mutate(pool);
    try {
      const outcome =
        kind === 0
          ? tryRequest(input, mutator)
          : kind === 1
            ? tryResponse(input, mutator)
            : kind === 2
              ? tryDetection(input)
              : tryHello(input, mutator.mutate(firstBytes), mutator);
      outcomes.add(`${KINDS[kind]}:${outcome.name}`);
      if (outcome.messages > 0) admitted++;
      const shape = `${kind} ${outcome.name} ${outcome.messages} ${Math.min(outcome.fields, 12)} ${outcome.detail}`;
      if (!seen.has(shape) && pool.length < MAX_KEPT) {
        seen.add(shape);
        pool.push(input);
      }
    } catch (error) {
      const problem = error instanceof Error ? (error.stack ?? error.message) : String(error);
      return { finding: { execution, input, problem }, admitted, kinds: outcomes.size, outcomes: [...outcomes] };
    }
  }
  return { admitted, kinds: outcomes.size, outcomes: [...outcomes].sort() };
}

interface Outcome {
  readonly name: string;
  readonly messages: number;
  readonly fields: number;
  readonly detail: string;
}

function tryRequest(input: Buffer, mutator: Mutator): Outcome {
  const whole = read(new RequestParser(), [input]);
  const cut = read(new RequestParser(), mutator.cut(input));
  if (whole.text !== cut.text) throw new Error(`cut input is read differently:\n${whole.text}\n${cut.text}`);
  if (whole.messages > 0) rewriteTwice(input);
  if (whole.messages > 0 && detectHttp(input) !== "http1")
    throw new Error(`admitted, but detected as ${detectHttp(input)}`);
  return whole;
}

const METHODS = ["GET", "HEAD", "CONNECT", "POST"];

function tryResponse(input: Buffer, mutator: Mutator): Outcome {
  const method = METHODS[input.length % METHODS.length] as string;
  const parser = (): ResponseParser => Object.assign(new ResponseParser(), { requestMethod: method });
  const whole = read(parser(), [input]);
  const cut = read(parser(), mutator.cut(input));
  if (whole.text !== cut.text) throw new Error(`cut input is read differently:\n${whole.text}\n${cut.text}`);
  return whole;
}

function tryDetection(input: Buffer): Outcome {
  const whole = detectHttp(input);
  let last = "incomplete";
  for (let length = 0; length <= Math.min(input.length, 64); length++) {
    const part = detectHttp(input.subarray(0, length));
    if (last !== "incomplete" && part !== last)
      throw new Error(`${last} after ${length - 1} bytes, ${part} after one more`);
    last = part;
  }
  return { name: whole, messages: 0, fields: 0, detail: "" };
}

/** The PERMISSIVE detector: once it has decided, more bytes change nothing. */
function tryHello(input: Buffer, rest: Buffer, mutator: Mutator): Outcome {
  const whole = inspectFirstBytes(input);
  const text = JSON.stringify(whole);
  const more = JSON.stringify(inspectFirstBytes(Buffer.concat([input, rest])));
  if (whole.kind !== "incomplete" && more !== text) throw new Error(`${text}, but with more bytes ${more}`);
  let length = 0;
  for (const piece of mutator.cut(input)) {
    length += piece.length;
    const part = inspectFirstBytes(input.subarray(0, length));
    if (part.kind !== "incomplete" && JSON.stringify(part) !== text)
      throw new Error(`${JSON.stringify(part)} after ${length} bytes, ${text} after all`);
  }
  const names = whole.kind === "client_hello" ? whole.alpn.length : 0;
  return { name: whole.kind, messages: 0, fields: names, detail: "" };
}

function read(parser: RequestParser | ResponseParser, pieces: readonly Buffer[]): Outcome & { readonly text: string } {
  let text = "";
  let messages = 0;
  let fields = 0;
  let body = 0;
  let last = "more";
  const take = (event: string): boolean => {
    if (event !== "body" && event !== "more" && body > 0) {
      text += `body ${body}\n`;
      body = 0;
    }
    last = event;
    if (event === "head") {
      const { head } = parser;
      fields += head.fields.count;
      text += `head ${head.framing} ${head.contentLength} ${head.keepAlive} ${head.webSocket} ${JSON.stringify(head.fields.entries())}\n`;
    } else if (event === "body") {
      if (parser.bodyEnd <= parser.bodyStart || parser.bodyEnd > parser.bytes.length)
        throw new Error("empty or foreign content");
      body += parser.bodyEnd - parser.bodyStart;
    } else if (event === "end") {
      messages++;
      text += `end ${JSON.stringify(parser.trailers)}\n`;
    } else return false;
    return true;
  };
  for (const piece of pieces) {
    parser.push(piece);
    while (take(parser.next()));
    if (last === "tunnel") break;
  }
  if (last !== "tunnel") while (take(parser.finish()));
  const name = parser.error?.code ?? last;
  if (last === "error" && !parser.error) throw new Error("an error without code");
  return { name, messages, fields, detail: parser.head.framing, text: `${text}${body} ${name}` };
}

const writer = new HeadWriter();

function rewriteTwice(input: Buffer): void {
  const once = rewrite(input);
  const twice = rewrite(once);
  if (!once.equals(twice))
    throw new Error(`not a fixed point:\n${once.toString("latin1")}\n${twice.toString("latin1")}`);
}

function rewrite(input: Buffer): Buffer {
  const parser = new RequestParser();
  parser.push(input);
  if (parser.next() !== "head") throw new Error(`what we wrote is refused: ${parser.error?.code}`);
  writer.clear();
  writeRequestHead(writer, parser.head, NO_EDITS);
  return Buffer.concat([writer.written, parser.takeRest()]);
}
