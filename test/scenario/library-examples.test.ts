/** Examples 12 to 16 as a user starts them, on a real Node: only the agent is a fake, which gives every process one identity. */
import { afterAll, describe, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { chmodSync, chownSync, existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { type Program, startAgent, startProgram } from "../fakes/sdk-programs.ts";
import { installNode, NODE_VERSIONS } from "../runtimes/install-node.ts";

const EXAMPLES = resolve(import.meta.dir, "../../examples");
const NODE = [installNode(NODE_VERSIONS[0]), "--conditions=bun"];
const OTHER = "spiffe://example.test/other";
const NOBODY = 65534;

const mesh = await startAgent("/example");
const started: Program[] = [];
afterAll(async () => {
  await Promise.all(started.map((program) => program.stop()));
  await mesh.agent.stop();
});

function run(example: string, file: string, ...args: readonly string[]): Program {
  const program = startProgram([...NODE, file, ...args], join(EXAMPLES, example), mesh.agent.socket);
  started.push(program);
  return program;
}

async function portOf(server: Program): Promise<string> {
  return /\d+/.exec((await server.firstLine).replace("8443", ""))?.[0] ?? "";
}

describe("examples of the library", () => {
  test("13: fetch gets an answer of the expected server, and of no other", async () => {
    const port = await portOf(run("12-https-by-identity", "server.ts", mesh.spiffeId, "0"));
    const url = `https://localhost:${port}/`;
    expect((await run("13-fetch", "client.ts", mesh.spiffeId, url).ended).output).toContain(`hello ${mesh.spiffeId}`);
    expect((await run("13-fetch", "client.ts", OTHER, url).ended).output).toContain("ERR_TLS_PEER_NOT_ALLOWED");
  });

  test("14: a gRPC server knows its caller; a client refuses another server", async () => {
    const server = run("14-grpc", "server.ts", "0");
    const target = `localhost:${/port (\d+)/.exec(await server.firstLine)?.[1]}`;
    const good = await run("14-grpc", "client.ts", mesh.spiffeId, target).ended;
    expect(good.output).toBe(`hello ${mesh.spiffeId}: how are you?\n`);
    expect((await run("14-grpc", "client.ts", OTHER, target).ended).output).toContain("but not allowed");
  });

  test("15: Express lets everybody read, and one ID delete", async () => {
    const server = run("15-express", "server.ts", OTHER, "0");
    const url = `https://localhost:${await portOf(server)}/orders`;
    const read = await run("12-https-by-identity", "client.ts", mesh.spiffeId, url).ended;
    expect(read.output).toBe(`orders for ${mesh.spiffeId}\n`);
    const script = join(mkdtempSync(join(EXAMPLES, "../.cache/delete-")), "delete.ts");
    afterAll(() => rmSync(resolve(script, ".."), { recursive: true, force: true }));
    writeFileSync(
      script,
      `import { request } from "node:https";
       import { createX509Source } from "@symbolon/spiffe/source";
       import { allow, createHttpsAgent } from "@symbolon/spiffe/tls";
       const source = await createX509Source();
       const agent = createHttpsAgent(source, { allow: allow.any() });
       request(process.argv[2], { method: "DELETE", agent }, (response) => {
         console.log(response.statusCode);
         response.resume().on("end", () => source.close().then(() => agent.destroy()));
       }).end();`,
    );
    expect((await run("15-express", script, url).ended).output).toBe("403\n");
  });
});

const postgresql = existsSync("/usr/lib/postgresql")
  ? readdirSync("/usr/lib/postgresql").map((version) => `/usr/lib/postgresql/${version}/bin`)[0]
  : undefined;
if (!postgresql) console.log("example 16 is skipped: PostgreSQL is not installed (Debian's package postgresql)");

describe.skipIf(!postgresql)("example 16: PostgreSQL", () => {
  test("takes the client's certificate, and is accepted by its SPIFFE ID", async () => {
    const directory = mkdtempSync(join(tmpdir(), "pg-"));
    // PostgreSQL refuses to run as root.
    const user = process.getuid?.() === 0 ? { uid: NOBODY, gid: NOBODY } : {};
    const owned = (name: string, content: string): void => {
      const path = join(directory, name);
      writeFileSync(path, content);
      chmodSync(path, 0o600);
      if ("uid" in user) chownSync(path, NOBODY, NOBODY);
    };
    if ("uid" in user) chownSync(directory, NOBODY, NOBODY);
    const tool = (name: string, ...args: readonly string[]) => {
      const result = spawnSync(`${postgresql}/${name}`, args, { encoding: "utf8", cwd: directory, ...user });
      expect({ name, stderr: result.stderr, status: result.status }).toMatchObject({ status: 0 });
    };
    const data = join(directory, "data");
    tool("initdb", "-D", data, "-U", "web", "-A", "trust", "--no-sync");
    const svid = mesh.authority.issue("/db");
    owned("svid.pem", svid.certificateChainPem());
    owned("svid_key.pem", svid.privateKey.export({ type: "pkcs8", format: "pem" }).toString());
    owned("bundle.pem", mesh.authority.bundle.toPem());
    owned("hba", "hostssl all web all trust clientcert=verify-ca\n");
    const port = String(freePort());
    const options = [
      `-h 127.0.0.1 -p ${port} -k ${directory} -c ssl=on -c fsync=off -c hba_file=${directory}/hba`,
      `-c ssl_cert_file=${directory}/svid.pem -c ssl_key_file=${directory}/svid_key.pem`,
      `-c ssl_ca_file=${directory}/bundle.pem`,
    ].join(" ");
    tool("pg_ctl", "-D", data, "-l", join(directory, "log"), "-w", "-o", options, "start");
    try {
      const ask = (id: string) => run("16-postgresql", "client.ts", id, "127.0.0.1", port).ended;
      const good = await ask("spiffe://example.test/db");
      const serial = /ours: (\d+)/.exec(good.output)?.[1];
      expect(good.output).toContain("user: 'web'");
      expect(good.output).toContain(`serial: '${serial}'`);
      expect((await ask(OTHER)).output).toContain("ERR_TLS_PEER_NOT_ALLOWED");
      const bare = spawnSync(
        "psql",
        [`host=127.0.0.1 port=${port} user=web dbname=postgres sslmode=require`, "-c", ""],
        {
          encoding: "utf8",
        },
      );
      expect(bare.stderr).toContain("connection requires a valid client certificate");
    } finally {
      tool("pg_ctl", "-D", data, "-m", "immediate", "stop");
      rmSync(directory, { recursive: true, force: true });
    }
  });
});

function freePort(): number {
  const server = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
  const { port } = server;
  server.stop(true);
  return port;
}
