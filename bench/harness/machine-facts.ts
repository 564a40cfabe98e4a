import { readFileSync } from "node:fs";
import { arch, availableParallelism, cpus, loadavg, release, totalmem, type } from "node:os";

/** What a figure depends on besides the programs. */
export interface MachineFacts {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGiB: number;
  readonly kernel: string;
  readonly architecture: string;
  /** AES-GCM on vectors, which only some TLS libraries use. */
  readonly vectorAes: boolean;
  /** Kernel TLS, which would be an advantage of whoever uses it. */
  readonly kernelTls: boolean;
  /** One, five and fifteen minutes before the run: above 1 somebody else was at work. */
  readonly load: readonly number[];
  readonly date: string;
}

export function machineFacts(): MachineFacts {
  return {
    cpu: cpus()[0]?.model ?? "unknown",
    cores: availableParallelism(),
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    kernel: `${type()} ${release()}`,
    architecture: arch(),
    vectorAes: /\bvaes\b/.test(text("/proc/cpuinfo")),
    kernelTls: /\btls\b/.test(text("/proc/sys/net/ipv4/tcp_available_ulp")),
    load: loadavg().map((load) => Math.round(load * 10) / 10),
    date: new Date().toISOString().slice(0, 10),
  };
}

function text(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
