/**
 * A search service on a port of its own, gone with its scope.
 */
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { Effect } from "effect"

export interface Service {
  /** As an operator names it. */
  readonly url: string
  /** What it was asked. */
  readonly asked: ReadonlyArray<URL>
}

/** Says the same to everybody, once `before` is done. */
export const says = (status: number, body: string, before: () => Promise<unknown> = async () => {}) =>
  Effect.map(
    Effect.acquireRelease(
      Effect.async<Service & { readonly close: () => void }>((resume) => {
        const asked: Array<URL> = []
        const server = createServer((request, response) => {
          asked.push(new URL(request.url ?? "", "http://x"))
          const answer = () =>
            response.writeHead(status, { "content-type": "application/json", connection: "close" }).end(body)
          before().then(answer, answer)
        })
        server.listen(0, "127.0.0.1", () => {
          const { port } = server.address() as AddressInfo
          const url = `http://127.0.0.1:${port}/search?engine=all`
          resume(Effect.succeed({ url, asked, close: () => void server.close() }))
        })
      }),
      ({ close }) => Effect.sync(close)
    ),
    ({ asked, url }): Service => ({ asked, url })
  )

/** Finds the same pages for everybody. */
export const finds = (pages: ReadonlyArray<unknown>) => says(200, JSON.stringify({ results: pages }))
