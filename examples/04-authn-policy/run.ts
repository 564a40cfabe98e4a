import { runExample } from "../run-example.ts";

const NAMESPACES = ["foo", "bar", "legacy"] as const;
const HEADERS = "http://httpbin.foo:8000/headers";
const IP = "http://httpbin.foo:8000/ip";

runExample(import.meta.dir, ({ up, apply, remove, call, callUntil, answer, note, shows }) => {
  /** Calls from everywhere to everywhere; `refused` names those that get no answer, as `from>to`. */
  const everyCall = (...refused: readonly string[]) => {
    for (const from of NAMESPACES)
      for (const to of NAMESPACES)
        call(`${from}/curl`, `http://httpbin.${to}:8000/ip`, refused.includes(`${from}>${to}`) ? "000" : "200");
  };
  up("-f", "mesh.yaml", "-f", "issuer.yaml", "--fresh");
  note("automatic mutual TLS: everybody reaches everybody");
  everyCall();
  call("foo/curl", HEADERS, "200", { body: "spiffe://cluster.local/ns/foo/sa/curl" });
  call("foo/curl", "http://httpbin.legacy:8000/headers", "200", { body: /^(?!.*X-Forwarded-Client-Cert)/s });

  note("mutual TLS for the whole mesh");
  apply("strict-mesh.yaml");
  everyCall("legacy>foo", "legacy>bar");
  remove("peerauthentication", "default", "istio-system");

  note("for a namespace");
  apply("strict-foo.yaml");
  everyCall("legacy>foo");

  note("for a workload, and for all of its ports but one");
  apply("strict-httpbin-bar.yaml");
  everyCall("legacy>foo", "legacy>bar");
  apply("strict-httpbin-bar-but-8080.yaml");
  everyCall("legacy>foo");

  note("a workload's policy counts before its namespace's");
  apply("overwrite-foo.yaml");
  everyCall();
  remove("peerauthentication", "overwrite-example", "foo");
  remove("peerauthentication", "httpbin", "bar");
  remove("peerauthentication", "default", "foo");

  note("tokens of end users");
  const bearer = (token: string) => ({ headers: [`Authorization: Bearer ${token}`] });
  const token = answer("foo/curl", "http://issuer.issuer:8085/token", "{}");
  apply("request-authentication.yaml");
  callUntil("foo/curl", HEADERS, "200", bearer(token));
  call("foo/curl", HEADERS, "200");
  call("foo/curl", HEADERS, "401", {
    ...bearer("deadbeef"),
    body: "Jwt is not in the form of Header.Payload.Signature",
  });
  const expired = answer("foo/curl", "http://issuer.issuer:8085/token", JSON.stringify({ exp: 1_700_000_000 }));
  call("foo/curl", HEADERS, "401", { ...bearer(expired), body: "Jwt is expired" });
  shows(
    "which rule, and both clocks",
    ["authz", "explain", "--last", "1"],
    /jwtRules\[0\].*exp 2023-.*clock of this proxy/,
  );

  note("a token is required, then for one path only");
  apply("require-token.yaml");
  call("foo/curl", HEADERS, "403");
  call("foo/curl", HEADERS, "200", bearer(token));
  apply("require-token-for-headers.yaml");
  call("foo/curl", HEADERS, "403");
  call("foo/curl", IP, "200");
  call("foo/curl", HEADERS, "200", bearer(token));
});
