/**
 * One client connection: framing, ids of our requests, and requests that are still unanswered.
 */
import type { Socket } from "node:net"
import { type RawData, WebSocket } from "ws"
import * as Frame from "../../lingma/rpc/Frame.ts"
import { type Link, type Message, plainFraming } from "../world/Link.ts"
import type { World } from "../world/World.ts"

interface Pending {
  readonly method: string
  readonly due: number
  readonly onReply: ((reply: Message | undefined) => void) | undefined
}

const HIGH_WATER = 4 << 20

/** End of the piece that starts at `start`, moved to a UTF-8 character boundary. */
const characterEnd = (frame: Buffer, start: number, size: number): number => {
  let end = Math.min(frame.length, start + size)
  while (end < frame.length && (frame[end]! & 0xc0) === 0x80) end++
  return end
}

const readMessage = (text: string): Message | "not json" | "no object" => {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === "object" && value !== null && !Array.isArray(value) ? value : "no object"
  } catch {
    return "not json"
  }
}

export const open = (
  world: World,
  ws: WebSocket,
  socket: Socket,
  onMessage: (link: Link, message: Message) => void
): Link => {
  const pending = new Map<number, Pending>()
  const quiet: Array<() => void> = []
  const drained: Array<() => void> = []
  let framing = plainFraming
  let joined: Array<Buffer> = []
  let lastId = 0
  let decoder = Frame.makeDecoder({ maxBody: 128 << 20 })

  const sendRaw = (data: string | Buffer, binary = false): void => {
    if (ws.readyState === WebSocket.OPEN) ws.send(data, { binary })
  }
  const flush = (): void => {
    if (joined.length === 0) return
    const frames = Buffer.concat(joined)
    joined = []
    sendRaw(frames)
  }
  const sendPieces = (frame: Buffer): void => {
    const { bytes, split } = framing
    for (let at = 0; at < frame.length; ) {
      const end = bytes > 0 ? at + bytes : characterEnd(frame, at, split)
      const piece = frame.subarray(at, end)
      sendRaw(piece, bytes > 0)
      at = end
    }
  }
  const send = (json: string): void => {
    const frame = Frame.encode(json)
    if (framing === plainFraming) sendRaw(frame)
    else if (framing.join > 0) {
      if (joined.length === 0) setImmediate(flush)
      if (joined.push(frame) >= framing.join) flush()
    } else sendPieces(frame)
  }
  const settled = (): void => {
    if (pending.size === 0) for (const run of quiet.splice(0)) run()
  }
  const expect = (method: string, onReply: Pending["onReply"]): number => {
    const id = ++lastId
    world.totals.pushes++
    pending.set(id, { method, due: performance.now() + world.options.ackLimitMs, onReply })
    return id
  }
  const answered = (message: Message): void => {
    const found = typeof message.id === "number" ? pending.get(message.id) : undefined
    if (found === undefined) {
      world.totals.lateAcks++
      return
    }
    pending.delete(message.id as number)
    world.totals.acks++
    found.onReply?.(message)
    settled()
  }
  // Requests time out in the order they were sent, so only the oldest must be checked.
  const sweep = setInterval(
    () => {
      const now = performance.now()
      for (const [id, entry] of pending) {
        if (entry.due > now) break
        pending.delete(id)
        if (world.totals.missedAcks++ < 100) {
          world.log(`|Outbound| request ${id} ${entry.method} failed: no response from client, timeout reached`)
        }
        entry.onReply?.(undefined)
      }
      settled()
    },
    Math.max(20, Math.min(250, world.options.ackLimitMs / 4))
  )

  const link: Link = {
    send,
    sendRaw: (data) => {
      flush()
      sendRaw(data)
    },
    notify: (method, params) => send(JSON.stringify({ jsonrpc: "2.0", method, params })),
    request: (method, params, onReply) =>
      send(JSON.stringify({ jsonrpc: "2.0", id: expect(method, onReply), method, params })),
    push: (method, params) =>
      send(`{"jsonrpc":"2.0","id":${expect(method, undefined)},"method":"${method}","params":${params}}`),
    setFraming: (next) => {
      flush()
      framing = next
    },
    cork: () => socket.cork(),
    uncork: () => socket.uncork(),
    isFull: () => ws.bufferedAmount > HIGH_WATER,
    whenDrained: (run) => {
      if (drained.push(run) === 1) {
        socket.once("drain", () => {
          for (const waiting of drained.splice(0)) waiting()
        })
      }
    },
    unanswered: () => pending.size,
    whenQuiet: (run) => {
      if (pending.size === 0) setImmediate(run)
      else quiet.push(run)
    },
    cut: () => socket.destroy(),
    close: () => ws.close(1001)
  }

  const refuse = (code: number, message: string): void =>
    send(`{"jsonrpc":"2.0","id":null,"error":{"code":${code},"message":"${message}"}}`)
  const onBody = (text: string): void => {
    const message = readMessage(text)
    if (message === "not json") refuse(-32700, "parse error")
    else if (message === "no object") refuse(-32600, "invalid request")
    else if (typeof message.method === "string") onMessage(link, message)
    else answered(message)
  }
  ws.on("message", (data: RawData) => {
    const bytes = Buffer.isBuffer(data) ? data : Array.isArray(data) ? Buffer.concat(data) : Buffer.from(data)
    const error = decoder.push(bytes, onBody)
    if (error === undefined) return
    world.totals.frameErrors++
    world.log(`Unknown message header (${error.reason})`)
    decoder = Frame.makeDecoder({ maxBody: 128 << 20 })
  })
  ws.on("error", () => {})
  ws.on("close", () => {
    clearInterval(sweep)
    world.links.delete(link)
    for (const turn of Array.from(world.turns)) if (turn.link === link) turn.stop("dropped")
    pending.clear()
  })
  world.links.add(link)
  world.totals.connectionsTotal++
  return link
}
