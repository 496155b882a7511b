/**
 * Which instances the settings ask for, and where each of them lives. Pure.
 */
import { join } from "node:path"
import { Array as Arr, Option } from "effect"
import type { Settings } from "../config/Config.ts"
import type { Account } from "../domain/Account.ts"

/** An instance that is asked for. */
export interface Place {
  /** The same as long as it is for the same account; without an account, for the same position. */
  readonly key: string
  readonly account: Option.Option<Account>
}

const accountsOf = ({ accounts, password, username }: Settings): ReadonlyArray<Account> =>
  accounts.length > 0 ? accounts : Option.toArray(Option.all({ username, password }))

const countOf = ({ accounts, attach, instanceCount }: Settings): number =>
  attach === "no"
    ? Option.getOrElse(instanceCount, () => Math.max(1, accounts.length))
    : attach === "auto"
      ? 1
      : attach.length

/** In their order; one at least. */
export const places = (settings: Settings): Arr.NonEmptyArray<Place> => {
  const accounts = accountsOf(settings)
  return Arr.makeBy(countOf(settings), (i) => {
    const account = Arr.get(accounts, i)
    const key = Option.match(account, {
      onNone: () => `position ${i}`,
      onSome: ({ username }) => `account ${username}`
    })
    return { key, account }
  })
}

/** Whether the other settings ask for other instances. */
export const isSame = (a: Settings, b: Settings): boolean => {
  const [those, these] = [places(a), places(b)]
  return those.length === these.length && those.every(({ key }, i) => key === these[i]?.key)
}

/**
 * The number of a new instance, which names it and its directory. A directory may still be signed in to the account it was
 * made for, so it is used again for that account only.
 *
 * @param owners whose each number was
 * @param taken numbers of instances that run
 */
export const numberFor = (
  key: string,
  wanted: number,
  owners: ReadonlyMap<number, string>,
  taken: ReadonlySet<number>
): number => {
  const isFree = (i: number) => !taken.has(i) && (owners.get(i) ?? key) === key
  for (const [i, owner] of owners) if (owner === key && isFree(i)) return i
  if (isFree(wanted)) return wanted
  let i = 0
  while (!isFree(i)) i++
  return i
}

/** A single instance uses this directory and the configured port; several use subdirectories and free ports. */
const baseOf = ({ lingmaBin, lingmaWorkDir }: Settings) =>
  Option.isNone(lingmaBin) ? `${lingmaWorkDir}-emulator` : lingmaWorkDir

/** Directories of instances by their number, as the settings at the start lay them out. */
export const directories = (settings: Settings): ((number: number) => string) => {
  const { attach, lingmaWorkDir } = settings
  if (attach !== "no") return (number) => join(lingmaWorkDir, `attached-${number}`)
  const base = baseOf(settings)
  const isSingle = countOf(settings) === 1
  return (number) => (isSingle && number === 0 ? base : join(base, `inst-${number}`))
}

/** The directory to lock. Attached instances use another one, so that a second gateway may attach to an IDE's Lingma. */
export const guarded = (settings: Settings): string =>
  settings.attach === "no" ? baseOf(settings) : directories(settings)(0)
