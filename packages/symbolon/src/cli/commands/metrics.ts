import type { Command } from "commander";
import { proxyMetrics } from "../../app/index.ts";
import { mergeMetrics, renderMetrics } from "../../telemetry/index.ts";
import { matchingPods } from "../choose-pod.ts";
import { apiOfChosenMesh, pathsOfChosenMesh } from "../context.ts";
import { outputFormat, printStructured } from "../output.ts";

export function addMetricsCommand(program: Command): void {
  program
    .command("metrics [workload]")
    .description("Print the metrics of the mesh, or of one workload's proxies.")
    .option("-n, --namespace <namespace>", "namespace", "default")
    .option("-o, --output <format>", "text (Prometheus' exposition format) or json", "text")
    .addHelpText(
      "after",
      `
Examples:
  symbolon metrics | promtool check metrics
  symbolon metrics deploy/httpbin -n foo | grep istio_requests_total
  symbolon metrics -o json

For Prometheus the same text is served beside the dashboard, at http://127.0.0.1:20001/metrics.`,
    )
    .action(async (workload: string | undefined, flags: { namespace: string; output: string }, command: Command) => {
      const format = outputFormat(flags.output, ["text", "json"]);
      const families =
        workload === undefined
          ? await apiOfChosenMesh(command).metrics()
          : await metricsOf(command, workload, flags.namespace);
      if (format === "json") printStructured("json", families);
      else process.stdout.write(renderMetrics(families));
    });
}

async function metricsOf(command: Command, workload: string, namespace: string) {
  const paths = pathsOfChosenMesh(command);
  const pods = await matchingPods(paths, workload, namespace);
  return mergeMetrics(
    await Promise.all(
      pods.map(async ({ metadata }) => ({
        labels: { namespace: metadata.namespace, pod: metadata.name },
        families: await proxyMetrics(paths, metadata.uid),
      })),
    ),
  );
}
