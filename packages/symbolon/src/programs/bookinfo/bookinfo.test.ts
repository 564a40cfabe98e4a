import { afterAll, afterEach, describe, expect, test } from "bun:test";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { runProgram } from "../index.ts";
import { askUpstream } from "./upstream.ts";

const ended = new AbortController();
const servers: Server[] = [];
afterAll(() => ended.abort());
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

/** Starts a program and gives its address. */
async function serve(name: string, ...args: readonly string[]): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>();
  const stdout = {
    write(text: string) {
      const port = /:(\d+)\n$/.exec(text)?.[1];
      if (port) resolve(`http://127.0.0.1:${port}`);
    },
  };
  void runProgram(name, args, { stdout, stderr: stdout, signal: ended.signal });
  return promise;
}
const get = async (url: string) => {
  const response = await fetch(url);
  return [response.status, await response.text()] as const;
};

describe("bookinfo's programs", () => {
  test("details and ratings answer by number, and refuse anything else", async () => {
    const details = await serve("bookinfo-details", "0");
    expect(JSON.parse((await get(`${details}/details/7`))[1])).toMatchObject({ id: 7, author: "William Shakespeare" });
    expect((await get(`${details}/details/x`))[0]).toBe(400);
    expect((await get(`${details}/health`))[0]).toBe(200);
    const ratings = await serve("bookinfo-ratings", "0");
    expect(JSON.parse((await get(`${ratings}/ratings/0`))[1])).toEqual({
      id: 0,
      ratings: { Reviewer1: 5, Reviewer2: 4 },
    });
    expect((await get(`${ratings}/`))[0]).toBe(400);
  });

  test("reviews v1 knows no stars; v2 says so when nobody gives them", async () => {
    const v1 = await serve("bookinfo-reviews", "v1", "0");
    expect((await get(`${v1}/reviews/0`))[1]).not.toContain("rating");
    process.env.RATINGS_HOSTNAME = "127.255.254.1";
    const v2 = await serve("bookinfo-reviews", "v2", "0");
    expect((await get(`${v2}/reviews/0`))[1]).toContain("Ratings service is currently unavailable");
    delete process.env.RATINGS_HOSTNAME;
  });

  test("the page stays up when its parts fail, and says which", async () => {
    process.env.DETAILS_HOSTNAME = "127.255.254.1";
    process.env.REVIEWS_HOSTNAME = "127.255.254.1";
    const page = await serve("bookinfo-productpage", "0");
    const [status, html] = await get(`${page}/productpage`);
    expect(status).toBe(200);
    expect(html).toContain("<title>Simple Bookstore App</title>");
    expect(html).toContain("Error fetching product details!");
    expect(html).toContain("Error fetching product reviews!");
    expect((await get(`${page}/api/v1/products/0`))[0]).toBe(503);
    expect((await get(`${page}/nowhere`))[0]).toBe(404);
    delete process.env.DETAILS_HOSTNAME;
    delete process.env.REVIEWS_HOSTNAME;
  });
});

test("a question to another service passes on who asks, and nothing of the connection", async () => {
  let seen: Record<string, unknown> = {};
  const server = createServer((request, response) => {
    seen = request.headers;
    response.end("{}");
  }).listen(9080, "127.255.254.9");
  servers.push(server);
  await new Promise((resolve) => server.once("listening", resolve));
  expect((server.address() as AddressInfo).port).toBe(9080);
  process.env.TEST_HOSTNAME = "127.255.254.9";
  const request = { headers: { "end-user": "jason", "x-request-id": "r", host: "page", "x-other": "1" } };
  const upstream = { hostnameVariable: "TEST_HOSTNAME", hostname: "nobody" };
  const answer = await askUpstream(upstream, "/x", request as unknown as Parameters<typeof askUpstream>[2]);
  delete process.env.TEST_HOSTNAME;
  expect(answer).toEqual({ ok: true, value: {} });
  expect(seen).toMatchObject({ "end-user": "jason", "x-request-id": "r", host: "127.255.254.9:9080" });
  expect(seen["x-other"]).toBeUndefined();
});
