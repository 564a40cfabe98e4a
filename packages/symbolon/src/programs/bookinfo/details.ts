import { requestUrl, sendJson } from "../http-answer.ts";
import { type Program, parsePort } from "../program.ts";
import { serveHttp } from "../serve-http.ts";

/** `bookinfo-details PORT`: what is known of a book. */
export const details: Program = async (args, io) => {
  const port = parsePort(args[0]);
  if (port === undefined) {
    io.stderr.write("bookinfo-details: usage: bookinfo-details PORT\n");
    return 2;
  }
  return serveHttp(
    "bookinfo-details",
    port,
    (request, response) => {
      const { pathname } = requestUrl(request);
      if (pathname === "/health") return sendJson(response, 200, { status: "Details is healthy" });
      const id = /^\/details\/(\d{1,9})$/.exec(pathname)?.[1];
      if (id === undefined) return sendJson(response, 400, { error: "please provide numeric product id" });
      sendJson(response, 200, {
        id: Number(id),
        author: "William Shakespeare",
        year: 1595,
        type: "paperback",
        pages: 200,
        publisher: "PublisherA",
        language: "English",
        "ISBN-10": "1234567890",
        "ISBN-13": "123-1234567890",
      });
    },
    io,
  );
};
