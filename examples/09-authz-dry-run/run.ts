import { runExample } from "../run-example.ts";

const HTTPBIN = "http://httpbin.foo:8000";
const LOGS = ["logs", "--access", "deploy/httpbin", "-n", "foo"];

runExample(import.meta.dir, ({ up, apply, call, shows }) => {
  up("-f", "../01-first-mesh/mesh.yaml", "--fresh");
  apply("deny-path-headers.yaml");
  for (let n = 0; n < 3; n++) call("foo/curl", `${HTTPBIN}/headers`, "200");
  shows("what DENY would have done", LOGS, /"deny":\{"result":"denied","policy":"[^"]*deny-path-headers/);

  apply("allow-path-headers.yaml");
  call("foo/curl", `${HTTPBIN}/headers`, "200");
  call("foo/curl", `${HTTPBIN}/ip`, "200");
  shows("what ALLOW would have done", LOGS, /"allow":\{"result":"allowed","policy":"[^"]*allow-path-headers/);
  shows("and for a path that it does not name", LOGS, /"allow":\{"result":"denied"/);
  shows("nobody was refused", ["authz", "denials"], "nothing was denied");
});
