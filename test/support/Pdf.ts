/**
 * Small PDFs, one line of text a page.
 */
import { deflateSync } from "node:zlib"

export interface PdfOptions {
  /** Needs a password that nobody has. */
  readonly encrypted?: boolean
  /** Spaces before the text of each page, packed. */
  readonly padding?: number
}

const pad = (offset: number) => `${String(offset).padStart(10, "0")} 00000 n \n`

export const make = (pages: ReadonlyArray<string>, { encrypted = false, padding }: PdfOptions = {}): Buffer => {
  const parts: Array<Buffer> = []
  const offsets: Array<number> = []
  let length = 0
  const add = (part: string | Buffer) => {
    const bytes = typeof part === "string" ? Buffer.from(part, "latin1") : part
    parts.push(bytes)
    length += bytes.length
  }
  const object = (...body: ReadonlyArray<string | Buffer>) => {
    offsets.push(length)
    add(`${offsets.length} 0 obj\n`)
    body.forEach(add)
    add("\nendobj\n")
  }
  const stream = (content: string) => {
    const bytes = Buffer.from(content, "latin1")
    const packed = padding === undefined ? bytes : deflateSync(bytes)
    const filter = padding === undefined ? "" : " /Filter /FlateDecode"
    object(`<< /Length ${packed.length}${filter} >>\nstream\n`, packed, "\nendstream")
  }
  add("%PDF-1.4\n")
  object("<< /Type /Catalog /Pages 2 0 R >>")
  object(`<< /Type /Pages /Kids [${pages.map((_, i) => `${4 + 2 * i} 0 R`).join(" ")}] /Count ${pages.length} >>`)
  object("<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>")
  for (const [i, text] of pages.entries()) {
    const resources = "/MediaBox [0 0 612 792] /Resources << /Font << /F1 3 0 R >> >>"
    object(`<< /Type /Page /Parent 2 0 R ${resources} /Contents ${5 + 2 * i} 0 R >>`)
    stream(`${" ".repeat(padding ?? 0)}${text === "" ? "" : `BT /F1 12 Tf 72 720 Td (${text}) Tj ET`}`)
  }
  const hex = "ab".repeat(32)
  if (encrypted) object(`<< /Filter /Standard /V 1 /R 2 /O <${hex}> /U <${hex}> /P -4 >>`)
  const at = length
  const lock = encrypted ? `/Encrypt ${offsets.length} 0 R /ID [<abab> <abab>] ` : ""
  add(`xref\n0 ${offsets.length + 1}\n0000000000 65535 f \n${offsets.map(pad).join("")}`)
  add(`trailer\n<< /Size ${offsets.length + 1} /Root 1 0 R ${lock}>>\nstartxref\n${at}\n%%EOF\n`)
  return Buffer.concat(parts)
}
