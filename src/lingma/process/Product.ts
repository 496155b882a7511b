/**
 * Detects which product an instance is, Lingma or QoderCN, because their wire protocols differ.
 */
import { isRecord } from "../../json/Json.ts"

/** As in the product's own URLs (`lingma://`, `qodercn://`). */
export type Product = "lingma" | "qodercn"

export interface Signs {
  /** Result of `initialize`. */
  readonly hello: unknown
  /** Path of its binary, or of its info file. */
  readonly place: string | undefined
}

const text = (value: unknown): string => (typeof value === "string" ? value : "")

/** QoderCN was seen as 1.25; Lingma as 0.7 and 2.11. */
const isQoderVersion = (version: string) => /^v?1\.[2-9]\d\./.test(version)

/** A path segment with the product's name. */
const isQoderPlace = (place: string) => /(^|[\\/])\.?qoder[- ]?(cn)?(\.app|\.exe)?([\\/]|$)/i.test(place)

/** Lingma, unless its name, version or path indicates QoderCN. */
export const of = ({ hello, place }: Signs): Product => {
  const told = isRecord(hello) ? [hello["serverInfo"], hello["agentInfo"]] : []
  const info = told.find(isRecord) ?? {}
  const isQoder =
    /qoder/i.test(text(info["name"])) || isQoderVersion(text(info["version"])) || isQoderPlace(place ?? "")
  return isQoder ? "qodercn" : "lingma"
}
