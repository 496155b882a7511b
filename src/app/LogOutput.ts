/**
 * Where the lines of the log leave the process. A reader that stalls or has gone, or a disk that is full, costs lines, never
 * the service; when it is over one line tells how many.
 */
import { closeSync, constants, fstatSync, openSync, writeSync } from "node:fs"

export interface LogOutput {
  readonly write: (line: string) => void
  readonly close: () => void
}

interface Sink {
  /** Writes at once, perhaps a part: how many bytes. Throws where nothing can be written now. */
  readonly write: (bytes: Uint8Array) => number
  readonly close: () => void
}

/**
 * A pipe, opened once more so that a full one says so: Node writes to pipes in a way that waits. A file as it is: Node's own
 * stream would tell nobody what a full disk cost. Undefined for a terminal or a socket.
 */
const direct = (): Sink | undefined => {
  try {
    const stats = fstatSync(1)
    if (stats.isFIFO()) {
      const fd = openSync("/proc/self/fd/1", constants.O_WRONLY | constants.O_NONBLOCK)
      return { write: (bytes) => writeSync(fd, bytes), close: () => closeSync(fd) }
    }
    const isFile = stats.isFile() || (stats.isCharacterDevice() && !process.stdout.isTTY)
    return isFile ? { write: (bytes) => writeSync(1, bytes), close: () => {} } : undefined
  } catch {
    return undefined
  }
}

const lost = (dropped: number) => `${JSON.stringify({ message: "log lines dropped", logLevel: "WARN", dropped })}\n`

/** What Node may keep for a socket's reader; it would keep everything. */
const mostKept = 1024 * 1024

/** To a terminal or a socket, by Node's own means. */
const buffered = (): LogOutput => {
  let dropped = 0
  const onWritten = (error?: Error | null) => {
    if (error) dropped++
  }
  return {
    write: (line) => {
      if (process.stdout.writableLength > mostKept) {
        dropped++
        return
      }
      if (dropped > 0) process.stdout.write(lost(dropped))
      dropped = 0
      process.stdout.write(line, onWritten)
    },
    close: () => {}
  }
}

/** Keeps no more than one line of which a part is out already, or that could not be written when its turn came. */
export const over = (sink: Sink): LogOutput => {
  let rest: Uint8Array = new Uint8Array(0)
  let dropped = 0
  let isClosed = false
  /** False when not all could be written: the rest waits for the next line. */
  const push = (bytes: Uint8Array): boolean => {
    rest = bytes
    try {
      rest = bytes.subarray(sink.write(bytes))
    } catch (cause) {
      // Another reader would begin in the middle.
      if ((cause as NodeJS.ErrnoException).code === "EPIPE") {
        rest = new Uint8Array(0)
        dropped++
        return false
      }
    }
    return rest.length === 0
  }
  /** Whether the way is free: what waited is out, and what was lost is told. */
  const settle = (): boolean => {
    if (rest.length > 0 && !push(rest)) return false
    if (dropped === 0) return true
    const count = dropped
    dropped = 0
    const isOut = push(Buffer.from(lost(count)))
    // Without a reader nobody was told.
    if (!isOut && rest.length === 0) dropped = count
    return isOut
  }
  return {
    write: (line) => {
      if (isClosed) return
      if (settle()) push(Buffer.from(line))
      else dropped++
    },
    close: () => {
      if (isClosed) return
      settle()
      isClosed = true
      sink.close()
    }
  }
}

export const make = (): LogOutput => {
  const sink = direct()
  return sink === undefined ? buffered() : over(sink)
}
