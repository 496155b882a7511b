/**
 * The user of this process, where the system knows one: a container may run it by a number without a name or a home.
 */
import { homedir, userInfo } from "node:os"

const attempt = <A>(read: () => A): A | undefined => {
  try {
    return read()
  } catch {
    return undefined
  }
}

/** `/` where neither HOME nor the system knows it. */
export const home = (read: () => string = homedir): string => attempt(read) || "/"

/** Undefined where the number has no name. */
export const name = (read: () => string = () => userInfo().username): string | undefined => attempt(read)
