import { isSymbolonError } from "@symbolon/spiffe/core";
import { createWorkloadApiClient, type WorkloadApiClient } from "@symbolon/spiffe/workload-api";
import type { Command } from "commander";
import { readMeshProcesses } from "../../app/index.ts";
import { pathsOfChosenMesh } from "../context.ts";
import { CommandExit, EXIT } from "../exit-status.ts";

export const SOCKET_OPTION = "--socket <address>";
export const SOCKET_TEXT =
  "Workload API, such as unix:///run/agent.sock (default: SPIFFE_ENDPOINT_SOCKET, else the mesh's)";

/** Runs `work` with a client of the Workload API that is asked for, and says what to do when it does not answer. */
export async function withWorkloadApi<T>(
  socket: string | undefined,
  command: Command,
  work: (client: WorkloadApiClient) => Promise<T>,
): Promise<T> {
  const client = createWorkloadApiClient({
    socket: socket ?? (process.env.SPIFFE_ENDPOINT_SOCKET || meshSocket(command)),
  });
  try {
    return await work(client);
  } catch (error) {
    throw explained(error);
  } finally {
    await client.close();
  }
}

function meshSocket(command: Command): string {
  const paths = pathsOfChosenMesh(command);
  return `unix://${readMeshProcesses(paths)?.hostAgent?.workloadSocket ?? paths.workloadSocket}`;
}

/** The same error with the next step; the statuses are those of docs/reference/cli.md. */
function explained(error: unknown): unknown {
  if (!isSymbolonError(error)) return error;
  const { code, message } = error;
  if (code === "ERR_WORKLOAD_API_NO_IDENTITY")
    return new CommandExit(
      EXIT.failed,
      `error: ${message} (${code})\nnext: symbolon attest explain --pid $$ says what the agent sees of this shell, and which entry nearly matches`,
    );
  if (code === "ERR_WORKLOAD_API_UNREACHABLE")
    return new CommandExit(
      EXIT.unavailable,
      `error: ${message} (${code})\nnext: start a mesh with symbolon up, see that you may open the socket, or name another agent with --socket or SPIFFE_ENDPOINT_SOCKET`,
    );
  return error;
}
