import type { Command } from "commander";
import { pathsOfChosenMesh } from "../../context.ts";
import { printStructured } from "../../output.ts";
import { type BootstrapFlags, readBootstrapFlags } from "./bootstrap-flags.ts";
import { envoyBootstrap } from "./envoy-bootstrap.ts";

const collect = (value: string, before: readonly string[]): readonly string[] => [...before, value];

export function addEnvoyCommand(program: Command): void {
  const envoy = program
    .command("envoy")
    .description("Envoy with certificates of this mesh, taken from the Workload API's socket by SDS.");
  envoy
    .command("bootstrap")
    .description("Print a static configuration for Envoy: mutual TLS by SPIFFE ID, renewed without a restart.")
    .option("--inbound <listen=application>", "accept mutual TLS here for a plain server (repeatable)", collect, [])
    .option(
      "--accept <id>",
      "SPIFFE ID that may connect, spiffe://DOMAIN for all of it, or any (repeatable)",
      collect,
      [],
    )
    .option(
      "--outbound <listen=server,id>",
      "plain here, mutual TLS to the server with this ID (repeatable)",
      collect,
      [],
    )
    .option("--socket <address>", "Workload API (default: SPIFFE_ENDPOINT_SOCKET, else the mesh's workload.sock)")
    .option("--identity <name>", "own certificate: default, or one of the own SPIFFE IDs", "default")
    .option("--http2", "speak HTTP/2 with the plain application, as gRPC needs")
    .option("--tcp", "pass bytes on instead of HTTP")
    .option("--admin <address>", "Envoy's admin interface: IP:PORT, or the path of a Unix socket (default: none)")
    .option("--node-id <id>", "how Envoy names itself", "symbolon-envoy")
    .option("--state-of-the-world", "ask as agents of SPIRE and Istio want it, instead of by delta")
    .addHelpText(
      "after",
      `
Envoy opens its ports once it has its certificates, and asks again by itself until it gets them.

Examples:
  symbolon envoy bootstrap --inbound 0.0.0.0:8443=127.0.0.1:8080 --accept spiffe://cluster.local/web > envoy.yaml
  symbolon envoy bootstrap --outbound 127.0.0.1:9001=db.example.org:8443,spiffe://cluster.local/db | envoy -c /dev/stdin
  envoy -c envoy.yaml`,
    )
    .action((flags: BootstrapFlags, command: Command) => {
      const socket = process.env.SPIFFE_ENDPOINT_SOCKET ?? pathsOfChosenMesh(command).workloadSocket;
      printStructured("yaml", envoyBootstrap(readBootstrapFlags(flags, socket)));
    });
}
