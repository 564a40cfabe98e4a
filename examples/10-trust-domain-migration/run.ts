import { runExample } from "../run-example.ts";

const HTTPBIN = "http://httpbin.foo:8000/ip";
const MANIFESTS = ["-f", "../01-first-mesh/mesh.yaml", "-f", "mesh.yaml", "-f", "policy.yaml"];

runExample(import.meta.dir, ({ up, call, note, shows }) => {
  up(...MANIFESTS, "--fresh", "--trust-domain", "old-td");
  call("foo/curl", HTTPBIN, "403");
  call("curl-allow/curl", HTTPBIN, "200");

  note("the trust domain is renamed, and the policy still says old-td");
  up(...MANIFESTS, "--fresh", "--trust-domain", "new-td");
  call("foo/curl", HTTPBIN, "403");
  call("curl-allow/curl", HTTPBIN, "403");
  shows("why", ["authz", "explain", "--last", "1"], "new-td/ns/curl-allow/sa/curl");

  note("with old-td as an alias the policy means both");
  up(...MANIFESTS, "--fresh", "--trust-domain", "new-td", "--mesh-config", "mesh-config.yaml");
  call("foo/curl", HTTPBIN, "403");
  call("curl-allow/curl", HTTPBIN, "200");
});
