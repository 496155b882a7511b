/**
 * An account and its two encodings: `cache/user` (AES, keyed by the machine id) and the callback's private base64.
 */
import { createCipheriv, createDecipheriv, createHash, randomBytes } from "node:crypto"

export interface Account {
  readonly uid: string
  readonly name: string
  readonly token: string
  readonly refreshToken: string
  /** Epoch milliseconds. */
  readonly expireTime: number
  readonly userType: string
}

const TWO_MONTHS = 60 * 24 * 3_600_000

/** The same name gives the same uid. */
export const make = (name: string): Account => ({
  uid: (BigInt(`0x${createHash("sha256").update(name).digest("hex").slice(0, 14)}`) + 10n ** 16n).toString().slice(-16),
  name,
  token: `pt-${randomBytes(24).toString("base64url")}`,
  refreshToken: `rt-${randomBytes(24).toString("base64url")}`,
  expireTime: Date.now() + TWO_MONTHS,
  userType: "personal_standard"
})

const keyOf = (machineId: string): Buffer => Buffer.from(machineId.slice(0, 16), "latin1")

export const seal = (account: Account, machineId: string): string => {
  const key = keyOf(machineId)
  const cipher = createCipheriv("aes-128-cbc", key, key)
  const json = JSON.stringify({
    key: randomBytes(128).toString("base64"),
    encrypt_user_info: randomBytes(192).toString("base64"),
    uid: account.uid,
    name: account.name,
    security_oauth_token: account.token,
    refresh_token: account.refreshToken,
    expire_time: account.expireTime,
    user_type: account.userType
  })
  return Buffer.concat([cipher.update(json, "utf8"), cipher.final()]).toString("base64")
}

/** Undefined if it was not encrypted with this machine id. */
export const unseal = (sealed: string, machineId: string): Account | undefined => {
  try {
    const key = keyOf(machineId)
    const decipher = createDecipheriv("aes-128-cbc", key, key)
    const json = Buffer.concat([decipher.update(sealed.trim(), "base64"), decipher.final()]).toString("utf8")
    const user = JSON.parse(json) as Record<string, unknown>
    return {
      uid: String(user["uid"]),
      name: String(user["name"]),
      token: String(user["security_oauth_token"]),
      refreshToken: String(user["refresh_token"]),
      expireTime: Number(user["expire_time"]),
      userType: String(user["user_type"])
    }
  } catch {
    return undefined
  }
}

const standard = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/="
const own = "_doRTgHZBKcGVjlvpC,@aFSx#DPuNJme&i*MzLOEn)sUrthbf%Y^w.(kIQyXqWA!$"

const swapThirds = (text: string): string => {
  const third = Math.floor(text.length / 3)
  return text.slice(text.length - third) + text.slice(third, text.length - third) + text.slice(0, third)
}

const translate = (text: string, from: string, to: string): string =>
  Array.from(text, (sign) => to[from.indexOf(sign)] ?? "").join("")

/** Encodes lines as base64 in a private alphabet, with the first and last third swapped. */
export const encodeLines = (lines: ReadonlyArray<string>): string =>
  translate(swapThirds(Buffer.from(lines.join("\n"), "utf8").toString("base64")), standard, own)

export const decodeLines = (text: string): ReadonlyArray<string> =>
  Buffer.from(swapThirds(translate(text, own, standard)), "base64")
    .toString("utf8")
    .split("\n")

/** Decodes the account from a callback's `auth` and `token`, if both are complete. */
export const fromCallback = (auth: string, token: string): Account | undefined => {
  const [uid, aid, name] = decodeLines(auth)
  const [access, refreshToken, expiry] = decodeLines(token)
  const expireTime = Number(expiry)
  if (!uid || !aid || !name || !access || !refreshToken || !(expireTime > 0)) return undefined
  return { uid, name, token: access, refreshToken, expireTime, userType: "personal_standard" }
}
