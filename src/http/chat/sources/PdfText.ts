/**
 * The text of a PDF, page by page, read in a thread of its own that may be stopped at any moment.
 *
 * A PDF is a stranger's program to unpack: time, heap, unpacked bytes, pages and characters are bounded. The thread's
 * code is a text here, because source, build and bundle would each find a file of its own in another place.
 */
import { Worker } from "node:worker_threads"
import { Data, type Duration, Effect } from "effect"

export class NotRead extends Data.TaggedError("NotRead")<{ readonly reason: "broken" | "protected" | "too_long" }> {}

export interface PdfTextOptions {
  /** Most pages that are read. */
  readonly pages: number
  /** Most characters of all pages together. */
  readonly characters: number
  /** Most bytes that are unpacked, all told. */
  readonly unpacked: number
  readonly within: Duration.DurationInput
}

export interface PdfText {
  /** Of the document. */
  readonly pages: number
  /** Of its first pages. */
  readonly texts: ReadonlyArray<string>
  /** The last of them is not whole. */
  readonly isCut: boolean
}

export const limits = { pages: 1000, characters: 2 << 20, unpacked: 256 << 20, within: "20 seconds" } as const
const HEAP_MB = 192

type Told = PdfText | { readonly error: "broken" | "protected" }

/** Resource limits of a thread leave typed arrays out, hence the count of what is asked for. */
const CODE = `
const { createRequire } = require("node:module")
const { parentPort, workerData } = require("node:worker_threads")
const { bytes, characters, from, pages, unpacked } = workerData
let room = unpacked
const counted = new Proxy(Uint8Array, {
  construct: (target, args, self) => {
    if (typeof args[0] === "number" && (room -= args[0]) < 0) throw new RangeError("unpacks to too much")
    return Reflect.construct(target, args, self === counted ? target : self)
  }
})
globalThis.Uint8Array = counted
const read = async () => {
  const { getDocumentProxy } = createRequire(from)("unpdf")
  const pdf = await getDocumentProxy(bytes, { verbosity: 0, isEvalSupported: false })
  const texts = []
  let left = characters
  for (let n = 1; n <= pdf.numPages && n <= pages && left > 0; n++) {
    const page = await pdf.getPage(n)
    const { items } = await page.getTextContent()
    let text = ""
    for (const { hasEOL, str } of items) {
      if (typeof str === "string") text += hasEOL ? str + "\\n" : str
      if (text.length > left) break
    }
    texts.push(text.slice(0, left))
    left -= text.length
    page.cleanup()
  }
  return { pages: pdf.numPages, texts, isCut: left < 0 }
}
read().then(
  (told) => parentPort.postMessage(told),
  (error) => parentPort.postMessage({ error: error?.name === "PasswordException" ? "protected" : "broken" })
)
`

const broken = new NotRead({ reason: "broken" })

/** Takes the bytes with it: they are empty afterwards. */
export const read = (bytes: Uint8Array<ArrayBuffer>, options: PdfTextOptions = limits) =>
  Effect.async<PdfText, NotRead>((resume) => {
    const { characters, pages, unpacked } = options
    const worker = new Worker(CODE, {
      eval: true,
      workerData: { bytes, from: import.meta.url, pages, characters, unpacked },
      transferList: [bytes.buffer],
      resourceLimits: { maxOldGenerationSizeMb: HEAP_MB },
      // Nothing of this process is the document's business.
      env: {},
      execArgv: [],
      stdout: true,
      stderr: true
    })
    worker
      .on("message", (told: Told) => {
        resume("error" in told ? Effect.fail(new NotRead({ reason: told.error })) : Effect.succeed(told))
        // What the document left running would keep the thread.
        void worker.terminate()
      })
      .on("error", () => resume(Effect.fail(broken)))
      .on("exit", () => resume(Effect.fail(broken)))
    return Effect.promise(() => worker.terminate())
  }).pipe(Effect.timeoutFail({ duration: options.within, onTimeout: () => new NotRead({ reason: "too_long" }) }))
