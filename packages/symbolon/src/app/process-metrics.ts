import type { MetricRegistry } from "../telemetry/index.ts";

/** The metrics that every Prometheus client has of its process, under their usual names. */
export function addProcessMetrics(registry: MetricRegistry, startedAt: Date): void {
  const cpu = registry.counter({ name: "process_cpu_seconds_total", help: "User and system CPU time used." });
  const memory = registry.gauge({ name: "process_resident_memory_bytes", help: "Resident memory." });
  const start = registry.gauge({ name: "process_start_time_seconds", help: "Start, in seconds since 1970." });
  start.with([]).set(startedAt.getTime() / 1000);
  registry.beforeSnapshot(() => {
    const { user, system } = process.cpuUsage();
    cpu.with([]).value = (user + system) / 1e6;
    memory.with([]).set(process.memoryUsage.rss());
  });
}
