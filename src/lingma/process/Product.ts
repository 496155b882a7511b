/**
 * Which of the products an instance is, where the wire differs between them.
 */
import { isRecord } from "../../json/Json.ts"

/** As the product writes it in its own addresses. */
export type Product = "lingma" | "qodercn"

export interface Signs {
  /** What `initialize` was answered. */
  readonly hello: unknown
  /** Where it lies: the path of its binary, or of the note it left. */
  readonly place: string | undefined
}

const text = (value: unknown): string => (typeof value === "string" ? value : "")

/** QoderCN was seen as 1.25; Lingma as 0.7 and 2.11. */
const isQoderVersion = (version: string) => /^v?1\.[2-9]\d\./.test(version)

/** A part of a path that is the product's own name, not one that somebody else chose. */
const isQoderPlace = (place: string) => /(^|[\\/])\.?qoder[- ]?(cn)?(\.app|\.exe)?([\\/]|$)/i.test(place)

/** Lingma, unless its name, its version or its place says otherwise. */
export const of = ({ hello, place }: Signs): Product => {
  const told = isRecord(hello) ? [hello["serverInfo"], hello["agentInfo"]] : []
  const info = told.find(isRecord) ?? {}
  const isQoder =
    /qoder/i.test(text(info["name"])) || isQoderVersion(text(info["version"])) || isQoderPlace(place ?? "")
  return isQoder ? "qodercn" : "lingma"
}
