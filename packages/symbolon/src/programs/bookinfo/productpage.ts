import type { IncomingMessage, ServerResponse } from "node:http";
import { requestUrl, sendJson } from "../http-answer.ts";
import { type Program, parsePort } from "../program.ts";
import { serveHttp } from "../serve-http.ts";
import { askUpstream, type UpstreamAnswer } from "./upstream.ts";

const DETAILS = { hostnameVariable: "DETAILS_HOSTNAME", hostname: "details" };
const REVIEWS = { hostnameVariable: "REVIEWS_HOSTNAME", hostname: "reviews" };
const RATINGS = { hostnameVariable: "RATINGS_HOSTNAME", hostname: "ratings" };
const TITLE = "The Comedy of Errors";

/** `bookinfo-productpage PORT`: the page that puts the other services' answers together. */
export const productpage: Program = async (args, io) => {
  const port = parsePort(args[0]);
  if (port === undefined) {
    io.stderr.write("bookinfo-productpage: usage: bookinfo-productpage PORT\n");
    return 2;
  }
  return serveHttp("bookinfo-productpage", port, answer, io);
};

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { pathname } = requestUrl(request);
  const [, id = "0", part] = /^\/api\/v1\/products\/(\d{1,9})(?:\/(reviews|ratings))?$/.exec(pathname) ?? [];
  if (pathname === "/health") return sendJson(response, 200, { status: "Product page is healthy" });
  if (pathname === "/") return sendPage(response, 200, `<a href="/productpage">${TITLE}</a>`);
  if (pathname === "/productpage") return productPage(request, response);
  if (pathname === "/api/v1/products") return sendJson(response, 200, [{ id: 0, title: TITLE }]);
  if (!pathname.startsWith("/api/v1/products/")) return sendPage(response, 404, "<h1>not found</h1>");
  if (part === "reviews") return passOn(response, await askUpstream(REVIEWS, `/reviews/${id}`, request));
  if (part === "ratings") return passOn(response, await askUpstream(RATINGS, `/ratings/${id}`, request));
  passOn(response, await askUpstream(DETAILS, `/details/${id}`, request));
}

async function productPage(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const [details, reviews] = await Promise.all([
    askUpstream(DETAILS, "/details/0", request),
    askUpstream(REVIEWS, "/reviews/0", request),
  ]);
  sendPage(response, 200, `<h1>${TITLE}</h1>\n${detailsPart(details)}\n${reviewsPart(reviews)}`);
}

function detailsPart(answer: UpstreamAnswer): string {
  if (!answer.ok) return "<h4>Error fetching product details!</h4>";
  const rows = Object.entries(answer.value as Readonly<Record<string, unknown>>)
    .filter(([name]) => name !== "id")
    .map(([name, value]) => `<dt>${escapeHtml(name)}</dt><dd>${escapeHtml(value)}</dd>`);
  return `<h4>Book Details</h4>\n<dl>${rows.join("\n")}</dl>`;
}

interface Review {
  readonly reviewer?: unknown;
  readonly text?: unknown;
  readonly rating?: { readonly stars?: number; readonly color?: unknown; readonly error?: unknown };
}

function reviewsPart(answer: UpstreamAnswer): string {
  if (!answer.ok) return "<h4>Error fetching product reviews!</h4>";
  const { reviews = [], podname } = answer.value as {
    readonly reviews?: readonly Review[];
    readonly podname?: unknown;
  };
  const quotes = reviews.map(({ reviewer, text, rating }) => {
    const stars = rating?.error ?? "★".repeat(Math.min(rating?.stars ?? 0, 5));
    return `<blockquote><p>${escapeHtml(text)}</p><small>${escapeHtml(reviewer)}</small> <span style="color:${escapeHtml(rating?.color ?? "inherit")}">${escapeHtml(stars)}</span></blockquote>`;
  });
  return `<h4>Book Reviews</h4>\n${quotes.join("\n")}\n<p>Reviews served by: ${escapeHtml(podname)}</p>`;
}

function passOn(response: ServerResponse, answer: UpstreamAnswer): void {
  if (answer.ok) return sendJson(response, 200, answer.value);
  sendJson(response, answer.status || 503, { error: "Sorry, this part of the product is currently unavailable." });
}

function sendPage(response: ServerResponse, status: number, body: string): void {
  const page = `<!doctype html>\n<html lang="en">\n<head><meta charset="utf-8"><title>Simple Bookstore App</title></head>\n<body>\n${body}\n</body>\n</html>\n`;
  response.writeHead(status, { "content-type": "text/html; charset=utf-8", "content-length": Buffer.byteLength(page) });
  response.end(page);
}

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};
const escapeHtml = (value: unknown): string =>
  String(value).replace(/[&<>"']/g, (character) => ENTITIES[character] ?? "");
