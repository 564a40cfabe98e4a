import { runExample } from "../run-example.ts";

const HEADERS = "http://httpbin.foo:8000/headers";

runExample(import.meta.dir, ({ up, apply, call, callUntil, answer, shows }) => {
  up("-f", "../01-first-mesh/mesh.yaml", "-f", "../04-authn-policy/issuer.yaml", "--fresh");
  const tokenWith = (claims: object) => {
    const token = answer("foo/curl", "http://issuer.issuer:8085/token", JSON.stringify(claims));
    return { headers: [`Authorization: Bearer ${token}`] };
  };
  const plain = tokenWith({});
  const group = tokenWith({ groups: ["group1", "group2"], scope: ["scope1", "scope2"] });

  apply("request-authentication.yaml");
  callUntil("foo/curl", HEADERS, "200", plain);
  call("foo/curl", HEADERS, "401", { headers: ["Authorization: Bearer invalidToken"] });
  call("foo/curl", HEADERS, "200");

  apply("require-jwt.yaml");
  call("foo/curl", HEADERS, "200", plain);
  call("foo/curl", HEADERS, "403");

  apply("require-group.yaml");
  call("foo/curl", HEADERS, "200", group);
  call("foo/curl", HEADERS, "403", plain);
  call("foo/curl", HEADERS, "403", tokenWith({ groups: ["group2"] }));
  shows("the group that is wanted", ["authz", "explain", "--last", "1"], "group1");
});
