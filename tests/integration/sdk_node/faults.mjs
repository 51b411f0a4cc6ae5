// A network that fails as it is told: a server before Parley that treats the first requests in its own way.
import { once } from "node:events";
import { createServer } from "node:http";
import { buffer } from "node:stream/consumers";
import { pipeline } from "node:stream/promises";
import { ada, clientOf, origin } from "./support.mjs";

/** The client `ada` behind such a network: request n meets `faults[n]`. `seen` holds when each came, and its headers. */
export async function behind(faults, options, use) {
  const seen = [];
  const server = createServer(async (request, response) => {
    const fault = faults[seen.length] ?? pass;
    seen.push({ at: performance.now(), headers: request.headers });
    await fault(
      { method: request.method, url: request.url, headers: request.headers, body: await buffer(request) },
      response,
    );
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const baseURL = `http://127.0.0.1:${server.address().port}/v1`;
  try {
    return await use(clientOf(ada.apiKey, { baseURL, maxRetries: 2, ...options }), seen);
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

const hop = ["host", "connection", "content-length", "transfer-encoding", "accept-encoding", "keep-alive"];

function forward({ method, url, headers, body }, signal) {
  const sent = Object.fromEntries(Object.entries(headers).filter(([name]) => !hop.includes(name)));
  return fetch(origin + url, { method, headers: sent, body: body.length ? body : undefined, signal });
}

export async function pass(request, response) {
  const answer = await forward(request);
  const headers = [...answer.headers].filter(([name]) => !hop.includes(name));
  response.writeHead(answer.status, Object.fromEntries(headers));
  await pipeline(answer.body, response);
}

/** An answer of its own. */
export const say = (status, headers) => async (_, response) => {
  response.writeHead(status, { "content-type": "application/json", ...headers });
  response.end(JSON.stringify({ error: { message: "as told", type: "server_error", param: null, code: "as_told" } }));
};

/** Parley answers, and nobody hears it; `heard` is given the answer. */
export const lose =
  (heard = () => {}) =>
  async (request, response) => {
    heard(await (await forward(request)).text());
    response.destroy();
  };

/** The connection breaks while Parley works on the request. */
export const breakAfter = (ms) => async (request, response) => {
  await forward(request, AbortSignal.timeout(ms))
    .then((answer) => answer.text())
    .catch(() => {});
  response.destroy();
};
