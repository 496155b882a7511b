/**
 * What is sent over a socket: joined per microtask, and bounded by the rules that hold for readers of streams.
 */
import type { Socket } from "node:net"
import type { WebSocket } from "ws"
import * as Unread from "../server/Unread.ts"

const soon = Promise.resolve()

export interface Outlet {
  readonly send: (text: string) => void
  /** Whether its reader has fallen behind. */
  readonly isStalled: () => boolean
}

/** Cuts the connection of a reader that takes too little. */
export const make = (ws: WebSocket, socket: Socket, all: Unread.Backlog, patience = Unread.PATIENCE): Outlet => {
  const { hold, isTooMuch } = Unread.part(all)
  let isJoining = false
  let isStalled = false
  let timer: ReturnType<typeof setTimeout> | undefined

  /** Bytes that have left the process. */
  const taken = () => socket.bytesWritten - socket.writableLength
  const watch = () => {
    const before = taken()
    const look = () => {
      if (taken() === before) ws.terminate()
      else watch()
    }
    timer = setTimeout(look, Unread.patienceFor(socket.writableLength, patience))
  }
  const flush = () => {
    isJoining = false
    socket.uncork()
    if (!socket.writableNeedDrain || isStalled) return
    isStalled = true
    hold(ws.bufferedAmount)
    watch()
  }
  const calm = () => {
    isStalled = false
    clearTimeout(timer)
    hold(0)
  }
  socket.on("drain", calm)
  ws.once("close", calm)

  return {
    send: (text) => {
      if (ws.readyState !== ws.OPEN) return
      if (!isJoining) {
        isJoining = true
        socket.cork()
        void soon.then(flush)
      }
      ws.send(text)
      if (!isStalled) return
      hold(ws.bufferedAmount)
      if (isTooMuch()) ws.terminate()
    },
    isStalled: () => isStalled
  }
}
