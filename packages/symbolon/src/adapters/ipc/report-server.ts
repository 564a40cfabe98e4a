import { errorText, type Log } from "@symbolon/spiffe/core";
import { productError } from "../../core/index.ts";
import type { PlaintextSighting, ReportedDenial } from "../../telemetry/index.ts";
import { encodeMessage, parseMessage } from "./frame.ts";
import { type FrameServer, type ListenPrivately, serveFrames } from "./frame-server.ts";
import { type ProxyRecognition, recognizeProxy } from "./hello.ts";
import type { Report } from "./report-client.ts";

export interface ReportServerOptions extends ProxyRecognition {
  readonly path: string;
  readonly listen: ListenPrivately;
  /** Resolves once the report is stored. A rejection leaves it with the proxy, which comes again. */
  readonly store: (podUid: string, report: Omit<Report, "id">) => Promise<void>;
  readonly log: Log;
}

/** Takes what proxies report; a report is answered when it is stored. */
export function serveReports(options: ReportServerOptions): Promise<FrameServer> {
  const { path, listen, store, log } = options;
  return serveFrames({
    path,
    listen,
    log,
    accept(connection) {
      let podUid: string | undefined;
      return {
        onFrame(frame) {
          if (podUid === undefined) {
            podUid = recognizeProxy(frame, connection, options);
            if (podUid === undefined) connection.close();
            return;
          }
          const { id, ...report } = readReport(frame);
          store(podUid, report).then(
            () => connection.send(encodeMessage({ type: "stored", id })),
            (error: unknown) => {
              log.error("report not stored; the proxy repeats it", { reason: errorText(error) });
              connection.close();
            },
          );
        },
        onClose(_connection, error) {
          if (error) log.warn("report stream failed", { reason: errorText(error) });
        },
      };
    },
  });
}

/** What a proxy of the same version wrote; checked as far as a mix-up could go. */
function readReport(frame: Buffer): Report {
  const { type, id, denials, lost, plaintext, unknownKeys } = parseMessage(frame);
  const isReport = type === "report" && typeof id === "number" && typeof lost === "number";
  if (!isReport || !Array.isArray(denials) || !Array.isArray(plaintext) || !Array.isArray(unknownKeys))
    throw productError("ERR_FRAME_INVALID", "the message is not a proxy's report");
  return {
    id,
    lost,
    denials: denials as ReportedDenial[],
    plaintext: plaintext as PlaintextSighting[],
    unknownKeys: unknownKeys.map(String),
  };
}
