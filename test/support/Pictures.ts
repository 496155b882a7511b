/**
 * Pictures as bytes, and a web server that gives them away.
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import { Effect } from "effect"

const filled = (head: Buffer, size: number) => Buffer.concat([head, Buffer.alloc(Math.max(0, size - head.length), 7)])

export const png = (size = 64) => filled(Buffer.from("\x89PNG\r\n\x1a\n", "latin1"), size)
export const jpeg = (size = 64) => filled(Buffer.from("\xff\xd8\xff\xe0", "latin1"), size)
export const gif = (size = 64) => filled(Buffer.from("GIF89a"), size)
export const webp = (size = 64) => filled(Buffer.from("RIFF\x10\x00\x00\x00WEBPVP8 ", "latin1"), size)

export const dataUrl = (type: string, bytes: Buffer) => `data:${type};base64,${bytes.toString("base64")}`

/** On 127.0.0.1, for as long as the scope; `hits` holds the URL of each request. */
export const web = (answer: (request: IncomingMessage, response: ServerResponse) => void) =>
  Effect.gen(function* () {
    const hits: Array<string> = []
    const server = yield* Effect.acquireRelease(
      Effect.async<ReturnType<typeof createServer>>((resume) => {
        const listening = createServer((request, response) => {
          hits.push(`${request.headers.host?.split(":")[0]}${request.url}`)
          answer(request, response)
        })
        listening.listen(0, "127.0.0.1", () => resume(Effect.succeed(listening)))
      }),
      (listening) =>
        Effect.async<void>((resume) => {
          listening.close(() => resume(Effect.void))
          listening.closeAllConnections()
        })
    )
    return { port: (server.address() as AddressInfo).port, hits }
  })
