/**
 * HTTP server for login pages and the control API. Accepts only loopback Host names, and no WebSocket upgrades.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http"
import * as Control from "./control/Control.ts"
import type { Page } from "./login/LoginHtml.ts"
import * as LoginRoutes from "./login/LoginRoutes.ts"
import type { World } from "./world/World.ts"

const MAX_BODY = 64 << 20

const localHost = /^(localhost|127\.0\.0\.1)(:\d+)?$/i

const readBody = (request: IncomingMessage): Promise<Buffer | undefined> =>
  new Promise((resolve) => {
    const parts: Array<Buffer> = []
    let size = 0
    request.on("data", (part: Buffer) => {
      size += part.length
      if (size > MAX_BODY) resolve(undefined)
      else parts.push(part)
    })
    request.on("end", () => resolve(Buffer.concat(parts)))
    request.on("error", () => resolve(undefined))
  })

const sendText = (response: ServerResponse, status: number, type: string, text: string): void => {
  response.writeHead(status, { "content-type": type, "cache-control": "no-store", "x-content-type-options": "nosniff" })
  response.end(text)
}

const sendPage = (response: ServerResponse, page: Page): void => {
  if (page._tag === "Html") {
    sendText(response, page.status ?? 200, "text/html; charset=utf-8", page.html)
  } else {
    response.writeHead(302, { location: page.location, "cache-control": "no-store" })
    response.end()
  }
}

const serve = async (world: World, request: IncomingMessage, response: ServerResponse): Promise<void> => {
  if (!localHost.test(request.headers.host ?? "")) return sendText(response, 403, "text/plain", "forbidden host\n")
  const url = new URL(request.url?.startsWith("/") ? `http://localhost${request.url}` : "http://localhost/")
  const verb = request.method ?? "GET"
  if (verb !== "GET" && verb !== "POST") return sendText(response, 405, "text/plain", "method not allowed\n")
  const body = verb === "POST" ? await readBody(request) : Buffer.alloc(0)
  if (body === undefined) return sendText(response, 413, "text/plain", "too big\n")
  const control = /^\/__control(?:\/([a-z]*))?$/.exec(url.pathname)
  if (control !== null) {
    if (request.headers.origin !== undefined) return sendText(response, 403, "text/plain", "forbidden origin\n")
    const answer = await Control.handle(world, verb, control[1] ?? "", url.searchParams, body)
    return sendText(response, answer.status, "application/json", JSON.stringify(answer.body))
  }
  const form = new URLSearchParams(body.toString("utf8"))
  sendPage(response, await LoginRoutes.answer(world, verb, url.pathname, url.searchParams, form))
}

export const make = (world: World): Server => {
  const server = createServer((request, response) => {
    serve(world, request, response).catch((error) => {
      world.log(`http error: ${String(error)}`)
      response.destroy()
    })
  })
  server.on("upgrade", (_request, socket) => {
    socket.on("error", () => {})
    socket.end("HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
  })
  return server
}
