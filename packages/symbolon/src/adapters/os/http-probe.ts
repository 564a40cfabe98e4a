import type { Clock } from "@symbolon/spiffe/core";
import type { ProbeResult } from "../../pod-runtime/index.ts";

/** An answer of this many bytes without a complete status line is not HTTP. */
const MAX_STATUS_LINE = 1024;

/** As a kubelet asks. */
export function httpRequest(address: string, port: number, path: string): string {
  const target = path.startsWith("/") ? path : `/${path}`;
  return `GET ${target} HTTP/1.1\r\nHost: ${address}:${port}\r\nUser-Agent: kube-probe/symbolon\r\nAccept: */*\r\nConnection: close\r\n\r\n`;
}

/** An established connection, which is taken over, or where to open one. */
export type ProbeTarget = { readonly fd: number } | { readonly hostname: string; readonly port: number };

export function httpExchange(
  target: ProbeTarget,
  request: string,
  clock: Clock,
  deadlineMs: number,
  late: ProbeResult,
): Promise<ProbeResult> {
  return new Promise((resolve) => {
    let answer = "";
    let socket: Bun.Socket | undefined;
    const timer = clock.setTimer(deadlineMs - clock.monotonicMs(), () => finish(late));
    const finish = (result: ProbeResult): void => {
      // First: terminate() calls close().
      resolve(result);
      timer.cancel();
      socket?.terminate();
    };
    const broken = (): void => finish({ ok: false, reason: "connection closed without an answer" });
    const options = {
      ...target,
      socket: {
        open(opened: Bun.Socket) {
          socket = opened;
          opened.write(request);
        },
        data(_socket: Bun.Socket, chunk: Buffer) {
          answer += chunk.toString("latin1");
          const result = httpResult(answer);
          if (result) finish(result);
        },
        close: broken,
        error: broken,
      },
    };
    // Bun.connect takes a descriptor (runtime-facts §3); its types do not say so.
    Bun.connect(options as unknown as Bun.TCPSocketConnectOptions<undefined>).catch(() =>
      finish({ ok: false, reason: "connection refused" }),
    );
  });
}

/** Kubernetes: any status from 200 to 399 is success. */
function httpResult(answer: string): ProbeResult | undefined {
  const end = answer.indexOf("\r\n");
  if (end < 0 && answer.length < MAX_STATUS_LINE) return undefined;
  const status = Number(/^HTTP\/1\.[01] (\d{3})(?: |$)/.exec(answer.slice(0, Math.max(end, 0)))?.[1]);
  if (!Number.isInteger(status)) return { ok: false, reason: "the answer is not HTTP/1" };
  return status >= 200 && status < 400 ? { ok: true } : { ok: false, reason: `HTTP status ${status}` };
}
