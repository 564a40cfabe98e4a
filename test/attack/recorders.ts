/** Real HTTP servers that tell which requests they have seen: what an attacker wants them to see one more of. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface Recorder {
  readonly name: string;
  readonly address: string;
  readonly port: number;
  /** `METHOD target` of every request, in order; waits until the server has written them down. */
  seen(): Promise<readonly string[]>;
  close(): Promise<void>;
}

const NODE = `
const http = require("node:http");
const server = http.createServer((request, response) => {
  process.stdout.write(request.method + " " + request.url + "\\n");
  request.resume().on("end", () => response.end("ok")).on("error", () => undefined);
});
server.on("upgrade", (request, socket) => {
  socket.on("error", () => undefined);
  process.stdout.write(request.method + " " + request.url + "\\n");
  socket.end("HTTP/1.1 200 OK\\r\\nContent-Length: 0\\r\\nConnection: close\\r\\n\\r\\n");
});
server.listen(Number(process.argv[2]), process.argv[1]);
`;

const PYTHON = `
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def read_chunks(self):
        while True:
            size = int(self.rfile.readline().split(b";")[0] or b"0", 16)
            if size == 0:
                break
            self.rfile.read(size + 2)
        while self.rfile.readline() not in (b"\\r\\n", b""):
            pass

    def answer(self):
        sys.stdout.write(self.requestline.rsplit(" ", 1)[0] + "\\n")
        sys.stdout.flush()
        if self.headers.get("Transfer-Encoding"):
            self.read_chunks()
        else:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.send_response(200)
        self.send_header("Content-Length", "2" if self.command != "HEAD" else "0")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(b"ok")

    def __getattr__(self, name):
        if name.startswith("do_"):
            return self.answer
        raise AttributeError(name)

    def log_message(self, *arguments):
        pass

class Server(ThreadingHTTPServer):
    def handle_error(self, request, client_address):
        pass

Server((sys.argv[1], int(sys.argv[2])), Handler).serve_forever()
`;

export const RECORDERS: Readonly<Record<string, (address: string, port: number) => Promise<Recorder>>> = {
  node: (address, port) => startWriter("node", address, port, ["node", "-e", NODE, address, String(port)]),
  python: (address, port) => startWriter("python", address, port, ["python3", "-c", PYTHON, address, String(port)]),
  nginx: startNginx,
};

export function missingPrograms(): readonly string[] {
  return ["node", "python3", "nginx"].filter((program) => spawnSync("which", [program]).status !== 0);
}

/** A server that writes a line for each request. */
async function startWriter(
  name: string,
  address: string,
  port: number,
  [program = "", ...args]: readonly string[],
): Promise<Recorder> {
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "inherit"] });
  let text = "";
  child.stdout.setEncoding("utf8").on("data", (part: string) => {
    text += part;
  });
  await accepting(address, port);
  return { name, address, port, seen: () => settled(() => text), close: () => end(child) };
}

async function startNginx(address: string, port: number): Promise<Recorder> {
  const directory = mkdtempSync(join(tmpdir(), "symbolon-nginx-"));
  const log = join(directory, "requests");
  writeFileSync(log, "");
  const paths = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(
    (name) => `${name}_temp_path ${directory}/${name};`,
  );
  writeFileSync(
    join(directory, "nginx.conf"),
    `daemon off; master_process off; error_log /dev/null; pid ${directory}/pid;
     events { worker_connections 256; }
     http { access_log ${log} seen; log_format seen escape=none '$request'; ${paths.join(" ")}
       client_max_body_size 0; server { listen ${address}:${port}; location / { return 200 "ok"; } } }`.replace(
      /(access_log [^;]*;) (log_format [^;]*;)/,
      "$2 $1",
    ),
  );
  const child = spawn("nginx", ["-p", directory, "-e", "/dev/null", "-c", join(directory, "nginx.conf")], {
    stdio: "ignore",
  });
  await accepting(address, port);
  return {
    name: "nginx",
    address,
    port,
    seen: async () =>
      (await settled(() => readFileSync(log, "utf8"))).map((request) => request.replace(/ HTTP\/1\.1$/, "")),
    async close() {
      await end(child);
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

/** What has been written, once it has not grown for a while. */
async function settled(read: () => string): Promise<readonly string[]> {
  for (let before = "", quiet = 0; quiet < 10; ) {
    await new Promise((resolve) => setTimeout(resolve, 20));
    const now = read();
    quiet = now === before ? quiet + 1 : 0;
    before = now;
  }
  return read().split("\n").slice(0, -1);
}

async function accepting(address: string, port: number): Promise<void> {
  for (let attempt = 0; attempt < 500; attempt++) {
    const ok = await new Promise<boolean>((resolve) => {
      const socket = net.connect(port, address, () => {
        socket.destroy();
        resolve(true);
      });
      socket.on("error", () => resolve(false));
    });
    if (ok) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`nothing listens on ${address}:${port}`);
}

function end(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    if (child.exitCode !== null) return resolve();
    child.once("exit", () => resolve());
    child.kill("SIGKILL");
  });
}
