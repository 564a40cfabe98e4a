import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type MeshUnderTest, missing, prepareMesh, succeed, TWO_NAMESPACES } from "./mesh-under-test.ts";

const why = missing("curl", "openssl");

describe.skipIf(why !== undefined)("an organisation's own CA, made with openssl", () => {
  let mesh: MeshUnderTest;
  beforeAll(() => {
    mesh = prepareMesh();
    const files = join(mesh.directory, "cacerts");
    mkdirSync(files, { mode: 0o700 });
    makeIntermediate(files);
    writeFileSync(join(mesh.directory, "mesh.yaml"), TWO_NAMESPACES);
    succeed(mesh.symbolon("up", "--detach", "--no-dashboard", "-f", "mesh.yaml", "--ca-certificates", "cacerts"));
  });
  afterAll(() => mesh?.down());

  test("workloads talk mutual TLS with certificates below the intermediate", () => {
    expect(mesh.curl("foo", "http://httpbin:8000/ip")).toBe("200/0");
    expect(mesh.connections("curl", "foo").at(-1)).toMatchObject({
      security: "mtls",
      tlsVersion: "TLSv1.3",
      peerSpiffeId: "spiffe://cluster.local/ns/foo/sa/httpbin",
    });
  });

  test("no application can read the organisation's key", () => {
    const read = (file: string) => mesh.exec("curl", "bar", "cat", join(mesh.directory, file));
    expect(read("cacerts/ca-key.pem")).toMatchObject({ stdout: "" });
    expect(read("cacerts/ca-key.pem").status).not.toBe(0);
    // Nearest miss: a file beside it is a file of the machine's like any other.
    expect(read("mesh.yaml").status).toBe(0);
  });

  test("every pod has the organisation's root where Istio puts it, and the chain verifies against it with openssl", () => {
    const root = mesh.exec("curl", "foo", "cat", "/var/run/secrets/istio/root-cert.pem").stdout;
    expect(root.trim()).toBe(readFileSync(join(mesh.directory, "cacerts/root-cert.pem"), "utf8").trim());
    const { certificate } = JSON.parse(
      succeed(mesh.symbolon("proxy-config", "secret", "deploy/httpbin", "-n", "foo", "-o", "json")).stdout,
    ) as { certificate: { pem: string } };
    const chain = join(mesh.directory, "chain.pem");
    writeFileSync(chain, certificate.pem);
    const rootFile = join(mesh.directory, "cacerts/root-cert.pem");
    const verified = spawnSync("openssl", ["verify", "-CAfile", rootFile, "-untrusted", chain, chain], {
      encoding: "utf8",
    });
    expect(verified.stdout).toContain("chain.pem: OK");
  });
});

function makeIntermediate(directory: string): void {
  const at = (name: string) => join(directory, name);
  const newKey = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
  openssl(
    ...["req", "-x509", ...newKey, "-keyout", at("root-key.pem"), "-out", at("root-cert.pem"), "-days", "3650"],
    ...["-subj", "/O=Example/CN=Root", "-addext", "keyUsage=critical,keyCertSign,cRLSign"],
  );
  openssl("req", ...newKey, "-keyout", at("ca-key.pem"), "-out", at("ca.csr"), "-subj", "/O=Example/CN=Mesh CA");
  writeFileSync(
    at("ca.ext"),
    "basicConstraints=critical,CA:TRUE,pathlen:0\nkeyUsage=critical,keyCertSign,cRLSign\nsubjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n",
  );
  openssl(
    ...["x509", "-req", "-in", at("ca.csr"), "-CA", at("root-cert.pem"), "-CAkey", at("root-key.pem")],
    ...["-set_serial", "0x51f3a8c27d", "-days", "730", "-extfile", at("ca.ext"), "-out", at("ca-cert.pem")],
  );
  const pem = (name: string) => readFileSync(at(name), "utf8");
  writeFileSync(at("cert-chain.pem"), pem("ca-cert.pem") + pem("root-cert.pem"));
}

function openssl(...args: readonly string[]): void {
  const result = spawnSync("openssl", args, { encoding: "utf8" });
  succeed({ status: result.status ?? 128, stdout: result.stdout, stderr: result.stderr });
}
