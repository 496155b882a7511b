/**
 * An OTLP collector that takes everything and keeps nothing, in this process.
 */
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"

let address: Promise<string> | undefined

const listen = () =>
  new Promise<string>((resolve) => {
    const server = createServer((request, response) => {
      request.resume().on("end", () => response.end("{}"))
    })
    server.listen(0, "127.0.0.1", () => {
      server.unref()
      resolve(`http://127.0.0.1:${(server.address() as AddressInfo).port}/v1/traces`)
    })
  })

/** Where it takes traces. */
export const collector = (): Promise<string> => {
  address ??= listen()
  return address
}
