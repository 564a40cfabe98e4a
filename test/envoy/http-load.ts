/** A plain application, and callers that want an answer of 200 each time. */
import { createServer, type IncomingHttpHeaders, request } from "node:http";

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
}

export interface Application {
  readonly port: number;
  close(): void;
}

/** Answers with the caller's identity that it was told. */
export async function startApplication(): Promise<Application> {
  const server = createServer((call, response) => {
    response.setHeader("x-got-client-cert", String(call.headers["x-forwarded-client-cert"]).replace(/Hash=\w+;/, ""));
    response.end("hello");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { port: (server.address() as { port: number }).port, close: () => void server.close() };
}

export function get(port: number): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const call = request({ host: "127.0.0.1", port, agent: false, timeout: 10_000 }, (response) => {
      response.resume();
      response.on("end", () => resolve({ status: response.statusCode ?? 0, headers: response.headers }));
    });
    call.on("error", reject);
    call.end();
  });
}

/** Four callers, each with one request after the other. */
export function startLoad(get: () => Promise<Answer>) {
  let isOver = false;
  let requests = 0;
  const failures: string[] = [];
  const caller = async () => {
    while (!isOver) {
      const outcome = await get().then(
        ({ status }) => String(status),
        (error) => String(error),
      );
      requests++;
      // A few are enough to see what is wrong.
      if (outcome !== "200" && failures.length < 10) failures.push(outcome);
    }
  };
  const callers = [1, 2, 3, 4].map(caller);
  return {
    async stop() {
      isOver = true;
      await Promise.all(callers);
      return { requests, failures };
    },
  };
}
