/**
 * WebSocket server on `/` and `/ws`, for text or binary messages, with one `Link` per connection.
 */
import { createServer, type Server } from "node:http"
import type { Socket } from "node:net"
import { WebSocketServer } from "ws"
import type { World } from "../world/World.ts"
import * as AskMethods from "./AskMethods.ts"
import * as AuthMethods from "./AuthMethods.ts"
import * as CommonMethods from "./CommonMethods.ts"
import * as Connection from "./Connection.ts"
import * as Rpc from "./Rpc.ts"
import * as SessionMethods from "./SessionMethods.ts"

export const make = (world: World): Server => {
  const onMessage = Rpc.makeServer(world, {
    ...CommonMethods.make(world),
    ...AuthMethods.make(world),
    ...AskMethods.make(world),
    ...(world.options.dialect === "session" ? SessionMethods.make(world) : {})
  })
  const sockets = new WebSocketServer({ noServer: true, perMessageDeflate: false, maxPayload: 128 << 20 })
  const server = createServer((_request, response) => {
    response.writeHead(400, { "content-type": "text/plain" })
    response.end("Bad Request\n")
  })
  server.on("upgrade", (request, socket, head) => {
    socket.on("error", () => {})
    const path = request.url?.split("?")[0]
    if (path !== "/" && path !== "/ws") {
      socket.end("HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
      return
    }
    sockets.handleUpgrade(request, socket, head, (ws) => {
      const link = Connection.open(world, ws, socket as Socket, onMessage)
      link.request("extension/register", { extensions: [] })
    })
  })
  return server
}
