/**
 * Runs an example from its manifests to a table of what Istio's documentation says and what was seen, with nothing but
 * the command line that a user types. Options of every example: `--capture explicit`, `--keep` (leave the mesh running).
 */
import { spawnSync } from "node:child_process";
import { basename, join, resolve } from "node:path";

const ROOT = resolve(import.meta.dir, "..");
const SYMBOLON = join(ROOT, "packages/symbolon/bin/symbolon.ts");
/** Reports of proxies and lines of logs arrive within a fraction of a second. */
const PATIENCE_MS = 5000;
const POLL_MS = 100;

export interface CallOptions {
  readonly method?: string;
  readonly headers?: readonly string[];
  /** Text or pattern that the body has. */
  readonly body?: string | RegExp;
  /** The body is looked for in so many answers: each goes to another version of a service. */
  readonly visits?: number;
}

/** The mesh of one example, and the rows of its table. */
export interface Example {
  /** True: pods are plain processes, and every caller without sidecar comes from 127.0.0.1. */
  readonly isExplicit: boolean;
  /** `symbolon up`, with whatever ran before ended first. */
  up(...args: readonly string[]): void;
  apply(...files: readonly string[]): void;
  remove(kind: string, name: string, namespace: string): void;
  /** curl in a pod: the HTTP code that it prints, 000 when there is no answer. */
  call(from: string, url: string, expected: string, options?: CallOptions): void;
  /** The same, tried again for a few seconds: keys of an issuer are fetched when a policy first wants them. */
  callUntil(from: string, url: string, expected: string, options?: CallOptions): void;
  /** Body of the answer to a POST. @throws when there is none */
  answer(from: string, url: string, body: string): string;
  /** One line to a TCP server, as `nc` sends it: what comes back, or "connection rejected". */
  tcp(from: string, host: string, port: number, line: string, expected: string): void;
  /** A command line of symbolon whose output has a text or pattern; tried again for a few seconds. */
  shows(what: string, args: readonly string[], expected: string | RegExp): void;
  /** Runs it and returns what it printed. @throws when it fails */
  symbolon(...args: readonly string[]): string;
  note(text: string): void;
}

interface Row {
  readonly what: string;
  readonly expected: string;
  readonly got: string;
  readonly right: boolean;
}

/** @param directory of the example; the mesh is named after its number */
export function runExample(directory: string, steps: (example: Example) => void): void {
  if (spawnSync("curl", ["--version"]).status !== 0) {
    console.error("this example needs curl: install it and run the example again");
    process.exit(1);
  }
  const title = basename(directory);
  // Short: sockets below the mesh's directory have paths of at most 107 bytes.
  const mesh = `example-${title.slice(0, 2)}`;
  const capture = optionOf("--capture");
  const rows: Row[] = [];
  const run = (...args: readonly string[]) =>
    spawnSync(process.execPath, [SYMBOLON, "--name", mesh, ...args], { encoding: "utf8", cwd: directory });
  const must = (...args: readonly string[]) => {
    const result = run(...args);
    if (result.status === 0) return result;
    throw new Error(`symbolon ${args.join(" ")}\n${result.stdout}${result.stderr}`.trim());
  };
  const inPod = (from: string, ...command: readonly string[]) => {
    const [namespace = "", name = ""] = from.split("/");
    return run("exec", `deploy/${name}`, "-n", namespace, "--", ...command);
  };
  const add = (what: string, expected: string, got: string, right = got === expected): void => {
    rows.push({ what, expected, got, right });
    console.log(`  ${right ? "ok " : "NOT"} ${what}: ${got}${right ? "" : ` (wanted ${expected})`}`);
  };

  const request = (from: string, url: string, { method = "GET", headers = [] }: CallOptions) => {
    const options = ["-sS", "-m", "10", "-X", method, ...headers.flatMap((header) => ["-H", header])];
    const { stdout } = inPod(from, "curl", ...options, "-w", "\n%{http_code}", url);
    const end = stdout.lastIndexOf("\n");
    return { body: stdout.slice(0, end), code: stdout.slice(end + 1) };
  };
  const whatOf = (from: string, url: string, { method = "GET", headers = [], body }: CallOptions) => {
    const shown = [...headers.map(shortHeader), ...(body === undefined ? [] : [`answer has ${body}`])];
    return `${from}  ${method} ${url}${shown.length > 0 ? `  (${shown.join(", ")})` : ""}`;
  };
  /** Until it is true, for a few seconds; every example would otherwise have to know how quick a machine is. */
  const patiently = (satisfied: () => boolean): void => {
    for (const end = performance.now() + PATIENCE_MS; !satisfied() && performance.now() < end; ) Bun.sleepSync(POLL_MS);
  };

  const example: Example = {
    isExplicit: capture === "explicit",
    up(...args) {
      run("down");
      console.log(`symbolon up ${args.join(" ")}`);
      must("up", ...args, "--detach", "--no-dashboard", ...(capture === undefined ? [] : ["--capture", capture]));
    },
    apply(...files) {
      console.log(`symbolon apply ${files.map((file) => `-f ${file}`).join(" ")}`);
      must("apply", ...files.flatMap((file) => ["-f", file]));
    },
    remove(kind, name, namespace) {
      console.log(`symbolon delete ${kind} ${name} -n ${namespace}`);
      must("delete", kind, name, "-n", namespace);
    },
    call(from, url, expected, options = {}) {
      const { body, visits = 1 } = options;
      let code = "";
      let hasBody = false;
      for (let visit = 0; visit < visits && !hasBody; visit++) {
        const answer = request(from, url, options);
        code = answer.code;
        hasBody = body === undefined || contains(answer.body, body);
      }
      add(whatOf(from, url, options), expected, hasBody ? code : `${code}, without ${body}`);
    },
    callUntil(from, url, expected, options = {}) {
      let code = "";
      patiently(() => {
        code = request(from, url, options).code;
        return code === expected;
      });
      add(whatOf(from, url, options), expected, code);
    },
    answer(from, url, body) {
      const { status, stdout, stderr } = inPod(from, "curl", "-sS", "-f", "-m", "10", "-X", "POST", "-d", body, url);
      if (status === 0 && stdout !== "") return stdout;
      throw new Error(`${url} gives no answer: ${stderr}`);
    },
    tcp(from, host, port, line, expected) {
      // Where there is no transparent capture curl reaches TCP servers through the proxy of the pod, as HTTP CONNECT.
      const script = `printf '%s\\n' "$1" | curl -sS -m 3 \${http_proxy:+-p -x "$http_proxy"} "telnet://$2:$3" 2>/dev/null`;
      const { stdout } = inPod(from, "sh", "-c", script, "sh", line, host, String(port));
      add(`${from}  "${line}" to ${host}:${port}`, expected, stdout.trim() || "connection rejected");
    },
    shows(what, args, expected) {
      let text = "";
      patiently(() => {
        const { stdout, stderr } = run(...args);
        text = `${stdout}${stderr}`;
        return contains(text, expected);
      });
      const right = contains(text, expected);
      add(`symbolon ${args.join(" ")}  (${what})`, String(expected), right ? "yes" : text.trim().slice(-500), right);
    },
    symbolon: (...args) => must(...args).stdout,
    note: (text) => console.log(`\n${text}`),
  };

  try {
    steps(example);
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = 1;
  } finally {
    if (!process.argv.includes("--keep")) run("down");
  }
  const wrong = rows.filter(({ right }) => !right);
  console.log(`\n${title}: ${rows.length - wrong.length} of ${rows.length} as Istio's documentation says`);
  if (wrong.length > 0 || rows.length === 0) process.exitCode = 1;
}

function contains(text: string, wanted: string | RegExp): boolean {
  return typeof wanted === "string" ? text.includes(wanted) : wanted.test(text);
}

function shortHeader(header: string): string {
  return header.length > 40 ? `${header.slice(0, 37)}...` : header;
}

function optionOf(name: string): string | undefined {
  const at = process.argv.indexOf(name);
  return at < 0 ? undefined : process.argv[at + 1];
}
