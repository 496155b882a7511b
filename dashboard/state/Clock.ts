/**
 * The server's time, second by second: a browser's clock may differ from it.
 */
import { signal } from "@preact/signals"
import { offsetOf } from "../format/Times.ts"

const SECOND = 1000
/** What a snapshot's way here may take; a smaller difference is none. */
const TOLERATED = 2 * SECOND

let offset = 0

/** Milliseconds since 1970 on the server. */
export const now = signal(Date.now())

const look = () => {
  now.value = Date.now() + offset
}

/** Takes over a server's time that has just arrived. */
export const hear = (serverNow: string): void => {
  const told = offsetOf(serverNow, Date.now())
  if (Math.abs(told - offset) > TOLERATED) offset = told
  look()
}

setInterval(look, SECOND)
