import { runExample } from "../run-example.ts";

const REJECTED = "connection rejected";

runExample(import.meta.dir, ({ up, apply, remove, tcp, shows, symbolon }) => {
  up("-f", "mesh.yaml", "--fresh");
  const [{ status }] = JSON.parse(symbolon("get", "pods", "-n", "foo", "-l", "app=tcp-echo", "-o", "json")).items;
  const echo = (port: number, expected: string, host = "tcp-echo") =>
    tcp("foo/curl", host, port, `port ${port}`, expected);
  echo(9000, "hello port 9000");
  echo(9001, "hello port 9001");
  // 9002 is no port of the Service: it is called by the pod's address.
  echo(9002, "hello port 9002", status.podIP);

  apply("allow-ports.yaml");
  echo(9000, "hello port 9000");
  echo(9001, "hello port 9001");
  echo(9002, REJECTED, status.podIP);
  shows("a refused connection is kept too", ["authz", "explain", "--last", "1"], "no_allow_rule_matched");

  apply("allow-get.yaml");
  echo(9000, REJECTED);
  echo(9001, REJECTED);

  apply("deny-get.yaml");
  echo(9000, REJECTED);
  echo(9001, "hello port 9001");

  remove("authorizationpolicy", "tcp-policy", "foo");
  echo(9000, "hello port 9000");
});
