/** Reads a prompt back by its nonce, as one would who knows it: what stands where, and nothing guessed. */
export interface Shown {
  readonly role: string
  readonly text: string
  /** Nothing in it is a call. */
  readonly quoted: boolean
  /** The frame of a result, if it is one. */
  readonly result?: { readonly head: string; readonly body: string }
}

export const read = (prompt: string, nonce: string): ReadonlyArray<Shown> => {
  const mark = new RegExp(`(?:^|\\n)\\[(system|user|assistant|tool) ${nonce}( text)?\\] `, "g")
  const found = [...prompt.matchAll(mark)]
  return found.map((here, i) => {
    const text = prompt.slice(here.index + here[0].length, found[i + 1]?.index ?? prompt.length)
    const frame = new RegExp(
      `^<tool_response([^>\\n]*) nonce="${nonce}">\\n([^]*)\\n</tool_response nonce="${nonce}">$`
    )
    const [, head, body] = frame.exec(text) ?? []
    const shown = { role: here[1]!, text, quoted: here[2] !== undefined }
    return head === undefined || body === undefined ? shown : { ...shown, result: { head, body } }
  })
}
