/** Where a value ends that holds calls or marks of its own, or whose end mark is missing, however the text was cut. */
import { assert, describe, it } from "@effect/vitest"
import { type Event, scan, tool, toolset } from "./Scan.ts"

const edit = tool("edit", { path: { type: "string" }, old: { type: "string" }, new: { type: "string" } })
const tools = toolset([edit])

const every = (text: string, events: ReadonlyArray<Event>) => {
  for (let at = 0; at <= text.length; at++) {
    assert.deepStrictEqual(scan([text.slice(0, at), text.slice(at)], tools).events, events, `cut at ${at}`)
  }
  assert.deepStrictEqual(scan([...text], tools).events, events)
}
const parameter = (key: string, value: string) => `<parameter=${key}>\n${value}\n</parameter>\n`
const func = (...parameters: ReadonlyArray<string>) => `<function=edit>\n${parameters.join("")}</function>`
const frame = (body: string) => `<tool_call>\n${body}\n</tool_call>`
const called = (args: Readonly<Record<string, string>>): Event => ["call", "edit", JSON.stringify(args)]

describe("The end of a value", () => {
  it("is behind the whole calls that it holds, also calls that hold calls", () => {
    const inner = frame(func(parameter("path", "x"), parameter("new", "y")))
    for (const value of [
      inner,
      `a\n${inner}\nb\n${inner}`,
      frame(func(parameter("new", inner))),
      func(parameter("path", "x"))
    ]) {
      const text = frame(func(parameter("path", "a"), parameter("new", value)))
      every(`${text}\n`, [called({ path: "a", new: value })])
      every(`${text}\n${frame(func(parameter("path", "c")))}\nDone.`, [
        called({ path: "a", new: value }),
        called({ path: "c" }),
        ["text", "Done."]
      ])
    }
  })

  it("is not put off by the beginning of a call that does not go on", () => {
    const value = "see <function=edit>\n<parameter=path>\nx"
    every(frame(func(parameter("new", value))), [called({ new: value })])
    every(`${frame(func(parameter("new", value)))}\nDone.`, [called({ new: value }), ["text", "Done."]])
  })

  it("is before the tool's next parameter at a line's start where its mark is missing", () => {
    const text = frame("<function=edit>\n<parameter=path>\na.txt\n<parameter=old>\nfoo\n</function>")
    every(`I will.\n${text}`, [["text", "I will."], called({ path: "a.txt", old: "foo" })])
    every(frame(`<function=edit>\n<parameter=path>\na.txt\n${parameter("new", "b")}</function>`), [
      called({ path: "a.txt", new: "b" })
    ])
  })

  it("is not before a parameter in mid-line, of another tool, or that was there", () => {
    for (const value of [
      "see <parameter=old> x",
      "a\n<parameter=z>\nb",
      "a\n<parameter=path>\nb",
      "a\n<parameter=new>"
    ]) {
      every(frame(func(parameter("path", "p"), parameter("new", value))), [called({ path: "p", new: value })])
    }
  })

  it("is at the function's end where nothing better comes, and text and calls behind it stay", () => {
    const open = frame("<function=edit>\n<parameter=path>\na\n</function>")
    every(`${open}\nDone.`, [called({ path: "a" }), ["text", "Done."]])
    every(`${open}\n${frame(func(parameter("path", "c")))}`, [called({ path: "a" }), called({ path: "c" })])
    const value = "x\n</function>\ny"
    every(frame(func(parameter("new", value))), [called({ new: value })])
  })

  it("is found in linear time however many calls the value holds or leaves open", () => {
    for (const part of [
      "<function=edit>\n<parameter=path>\n",
      "\n<parameter=old>",
      "\n</function>",
      func(parameter("path", "x")),
      "\n<function=edit>\n<parameter=new>\n</parameter><parameter=\n",
      `\n${frame("<function=edit>\n<parameter=path>\na\n</function>")}\nx`
    ]) {
      for (const start of ["", "<tool_call><function=edit><parameter=new>"]) {
        const text = start + part.repeat((1 << 20) / part.length)
        const began = performance.now()
        scan(text.match(/[\s\S]{1,5000}/g) ?? [], tools)
        assert.isBelow(performance.now() - began, 10_000, JSON.stringify(start + part))
      }
    }
  }, 120_000)
})
