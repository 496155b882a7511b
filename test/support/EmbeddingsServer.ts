/**
 * A small HTTP server in the place of an OpenAI-compatible API for embeddings; it notes what it is sent.
 */
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import { Effect } from "effect"

export interface Asked {
  readonly method: string
  readonly url: string
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

export type Answering = (response: ServerResponse, asked: Asked) => void

/** Answers JSON. */
export const json =
  (status: number, body: unknown, headers: Record<string, string> = {}): Answering =>
  (response) => {
    response.writeHead(status, { "content-type": "application/json", ...headers })
    response.end(typeof body === "string" ? body : JSON.stringify(body))
  }

/** Vectors of the inputs' lengths, in the format that is asked for. */
export const embed: Answering = (response, { body }) => {
  const asked = JSON.parse(body) as { input: string | ReadonlyArray<string>; model: string; encoding_format?: string }
  const inputs = typeof asked.input === "string" ? [asked.input] : asked.input
  const data = inputs.map(({ length }, index) => {
    const vector = [length, 0.5, -0.25]
    const embedding =
      asked.encoding_format === "base64" ? Buffer.from(new Float32Array(vector).buffer).toString("base64") : vector
    return { object: "embedding", index, embedding }
  })
  json(200, { object: "list", data, model: asked.model, usage: { prompt_tokens: 3, total_tokens: 3 } })(response, {
    method: "",
    url: "",
    headers: {},
    body
  })
}

export const serve = (answering: Answering) =>
  Effect.map(
    Effect.acquireRelease(
      Effect.async<{
        readonly port: number
        readonly asked: Array<Asked>
        readonly left: Promise<void>
        close: () => void
      }>((resume) => {
        const asked: Array<Asked> = []
        let leave = () => {}
        const left = new Promise<void>((resolve) => {
          leave = resolve
        })
        const server = createServer(async (request: IncomingMessage, response) => {
          response.on("close", () => {
            if (!response.writableFinished) leave()
          })
          const pieces: Array<Buffer> = []
          for await (const piece of request) pieces.push(piece as Buffer)
          const { headers, method = "", url = "" } = request
          const one = { method, url, headers, body: Buffer.concat(pieces).toString() }
          asked.push(one)
          answering(response, one)
        })
        server.listen(0, "127.0.0.1", () => {
          const { port } = server.address() as AddressInfo
          const close = () => {
            server.close()
            server.closeAllConnections()
          }
          resume(Effect.succeed({ port, asked, left, close }))
        })
      }),
      ({ close }) => Effect.sync(close)
    ),
    /** `left` resolves when a client leaves before its answer is whole. */
    ({ asked, left, port }) => ({ url: `http://127.0.0.1:${port}/v1`, asked, left })
  )
