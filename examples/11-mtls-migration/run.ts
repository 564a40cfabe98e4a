import { runExample } from "../run-example.ts";

const FOO = "http://httpbin.foo:8000/ip";
const BAR = "http://httpbin.bar:8000/ip";

runExample(import.meta.dir, ({ isExplicit, up, apply, call, shows }) => {
  up("-f", "mesh.yaml", "--fresh");
  for (const from of ["foo", "bar", "legacy"]) for (const url of [FOO, BAR]) call(`${from}/curl`, url, "200");

  // Istio's documentation says "make sure that nobody sends plaintext"; this says who does.
  const caller = isExplicit ? "127.0.0.1: it is not of the mesh" : "Deployment legacy/curl: give it a sidecar";
  shows("foo is not ready", ["strict", "--namespace", "foo", "--plan"], caller);
  shows("so it is refused", ["strict", "--namespace", "foo", "--apply"], "nothing was changed");
  call("legacy/curl", FOO, "200");

  apply("strict-foo.yaml");
  call("foo/curl", FOO, "200");
  call("bar/curl", FOO, "200");
  call("legacy/curl", FOO, "000");
  call("legacy/curl", BAR, "200");

  apply("strict-mesh.yaml");
  for (const url of [FOO, BAR]) {
    call("foo/curl", url, "200");
    call("bar/curl", url, "200");
    call("legacy/curl", url, "000");
  }
  shows("nothing left to do", ["strict", "--namespace", "foo", "--plan"], "nothing to do");
});
