/**
 * A load client that costs little itself: HTTP by hand over kept connections, one request at a time on each.
 */
import { connect, type Socket } from "node:net"
import type { Target } from "./processes.ts"

export interface Ask {
  readonly prompt: string
  readonly stream: boolean
}

/** A request as its bytes, to be sent many times. */
export const request = ({ base }: Target, { prompt, stream }: Ask): Buffer => {
  const body = JSON.stringify({ model: "auto", stream, messages: [{ role: "user", content: prompt }] })
  const head = [
    "POST /v1/chat/completions HTTP/1.1",
    `Host: ${base.host}`,
    "Content-Type: application/json",
    "Authorization: Bearer bench",
    `Content-Length: ${Buffer.byteLength(body)}`
  ]
  return Buffer.from(`${head.join("\r\n")}\r\n\r\n${body}`)
}

export interface Client {
  /** Sends and waits for the end of the answer; `onText` hears it in pieces, head included. */
  readonly send: (bytes: Buffer, onText?: (text: string) => void) => Promise<void>
  readonly close: () => void
}

const lastChunk = "\r\n0\r\n\r\n"

export const open = ({ base, name }: Target): Client => {
  let socket: Socket | undefined
  let onData: (data: Buffer) => void = () => {}
  let onEnd: (error: Error) => void = () => {}

  const dial = (): Socket => {
    const dialled = connect({ host: base.hostname, port: Number(base.port || 80), noDelay: true })
    dialled.on("data", (data) => onData(data))
    dialled.on("error", () => {})
    dialled.on("close", () => {
      if (socket === dialled) socket = undefined
      onEnd(new Error(`${name} closed the connection before the end of an answer`))
    })
    return dialled
  }

  return {
    send: (bytes, onText) =>
      new Promise((resolve, reject) => {
        const done = (error?: Error) => {
          onData = onEnd = () => {}
          if (error === undefined) resolve()
          else reject(error)
        }
        let head = ""
        let left = -1
        let tail = ""
        onEnd = done
        onData = (data) => {
          onText?.(data.toString("latin1"))
          let at = 0
          if (left === -1) {
            head += data.toString("latin1")
            const blank = head.indexOf("\r\n\r\n")
            if (blank < 0) return
            if (!head.startsWith("HTTP/1.1 200")) return done(new Error(`${name} answered: ${head.slice(0, 600)}`))
            at = data.length - (head.length - blank - 4)
            const length = /\r\ncontent-length: *(\d+)/i.exec(head.slice(0, blank))?.[1]
            left = length === undefined ? Number.POSITIVE_INFINITY : Number(length)
          }
          if (left < Number.POSITIVE_INFINITY) {
            left -= data.length - at
            if (left <= 0) done()
          } else {
            tail = (tail + data.toString("latin1", Math.max(at, data.length - lastChunk.length))).slice(
              -lastChunk.length
            )
            if (tail === lastChunk) done()
          }
        }
        socket ??= dial()
        socket.write(bytes)
      }),
    close: () => socket?.destroy()
  }
}

/** Keeps `width` requests under way until `total` are answered. */
export const together = async (
  target: Target,
  { total, width }: { readonly total: number; readonly width: number },
  run: (client: Client) => Promise<void>
): Promise<void> => {
  const clients = Array.from({ length: width }, () => open(target))
  let begun = 0
  const work = async (client: Client) => {
    while (begun++ < total) await run(client)
  }
  await Promise.all(clients.map(work)).finally(() => {
    for (const client of clients) client.close()
  })
}

const contentPattern = /"content": ?"([^"]+)"/g

/** The pieces of text in a stretch of an answer. */
export const pieces = (text: string): Array<string> => Array.from(text.matchAll(contentPattern), (match) => match[1]!)

/** The same share of each kind of request for every fresh process; also a check that its answers are whole. */
export const warmUp = async (target: Target): Promise<void> => {
  for (const stream of [true, false, true, false]) {
    const bytes = request(target, { prompt: "[[emu tokens=50 interval=0 burst=10]]", stream })
    await together(target, { total: 300, width: 16 }, async (client) => {
      let answer = ""
      await client.send(bytes, (text) => {
        answer += text
      })
      const tokens = pieces(answer).join("").trim().split(" ").length
      if (tokens !== 50) throw new Error(`${target.name} gave ${tokens} of 50 tokens: ${answer.slice(0, 600)}`)
    })
  }
}
