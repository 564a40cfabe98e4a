import { runExample } from "../run-example.ts";

const HTTPBIN = "http://httpbin.foo:8000";
const ADMIN = { headers: ["x-token: admin"] };
const GUEST = { headers: ["x-token: guest"] };

runExample(import.meta.dir, ({ up, apply, remove, call, shows }) => {
  up("-f", "../01-first-mesh/mesh.yaml", "--fresh");
  call("foo/curl", `${HTTPBIN}/ip`, "200");

  apply("deny-method-get.yaml");
  call("foo/curl", `${HTTPBIN}/get`, "403");
  call("foo/curl", `${HTTPBIN}/post`, "200", { method: "POST" });

  apply("deny-method-get-without-admin.yaml");
  call("foo/curl", `${HTTPBIN}/get`, "200", ADMIN);
  call("foo/curl", `${HTTPBIN}/get`, "403", GUEST);
  shows("the header that would have been enough", ["authz", "explain", "--last", "1"], "admin");

  apply("allow-path-ip.yaml");
  call("foo/curl", `${HTTPBIN}/ip`, "403", GUEST);
  call("foo/curl", `${HTTPBIN}/ip`, "200", ADMIN);
  call("foo/curl", `${HTTPBIN}/get`, "403", ADMIN);

  remove("authorizationpolicy", "deny-method-get", "foo");
  remove("authorizationpolicy", "allow-path-ip", "foo");
  call("foo/curl", `${HTTPBIN}/get`, "200");
});
