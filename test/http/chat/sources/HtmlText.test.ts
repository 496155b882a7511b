import { assert, describe, it } from "@effect/vitest"
import * as fc from "effect/FastCheck"
import * as HtmlText from "../../../../src/http/chat/sources/HtmlText.ts"

const base = new URL("https://museum.example/hours/index.html")
const read = (html: string, most = 10_000) => HtmlText.read(html, base, most)
const textOf = (html: string) => read(html).text

describe("a page of HTML", () => {
  it("is read no further than 131,072 tags, and is said to be cut there", () => {
    const page = read(`<p>first</p>${"<b></b>".repeat(70_000)}<p>last</p>`)
    assert.deepStrictEqual([page.text, page.isCut], ["first", true])
  })

  it("goes on after a picture of vectors that has no end tag of its own", () => {
    assert.strictEqual(textOf("<p>before</p><svg class='x'/><p>after</p>"), "before\n\nafter")
    assert.strictEqual(textOf("<p>before</p><svg><title>no</title></svg><p>after</p>"), "before\n\nafter")
  })

  it("is its title and its text, by paragraphs, lists and tables", () => {
    const page = read(`<!DOCTYPE html>
      <html><head><title> Opening
      hours </title><style>p { color: red }</style><script>if (a < b) document.write("<p>no</p>")</script></head>
      <body><h2>When we <em>open</em></h2>
      <!-- <p>not this</p> -->
      <p>From nine&nbsp;to&#160;five,
         mostly.<br>Closed &amp; dark on &#x4d;onday.</p>
      <ul><li>Hall one</li><li>Hall two</li></ul>
      <table><tr><th>Day</th><th>Hours</th></tr><tr><td>Tue</td><td>9-17</td></tr></table>
      <pre>a
  b</pre></body></html>`)
    assert.strictEqual(page.title, "Opening hours")
    assert.isFalse(page.isCut)
    assert.strictEqual(
      page.text,
      [
        "## When we open",
        "",
        "From nine to five, mostly.",
        "Closed & dark on Monday.",
        "",
        "- Hall one",
        "- Hall two",
        "",
        "Day | Hours",
        "Tue | 9-17",
        "",
        "a\n  b"
      ].join("\n")
    )
  })

  it("names where its links lead, as whole addresses, and no others than those of the web", () => {
    const links = [
      '<a href="/tickets?a=1&amp;b=2">Tickets</a>',
      "<a href='../map.html'>Map</a>",
      "<a class=x href=https://other.example/>Other</a>",
      '<a href="#top">Top</a>',
      '<a href="javascript:alert(1)">Bad</a>',
      '<a href="/empty"></a>'
    ]
    assert.strictEqual(
      textOf(links.join("\n")),
      "Tickets(https://museum.example/tickets?a=1&b=2) Map(https://museum.example/map.html) Other(https://other.example/) Top Bad"
    )
  })

  it("is read for what it is worth when its markup is broken", () => {
    assert.strictEqual(textOf("1 < 2 <b>so"), "1 < 2 so")
    assert.strictEqual(textOf('<p title="a > b">x'), "x")
    assert.strictEqual(textOf("a<!-- never ends"), "a")
    assert.strictEqual(textOf("a<script>never ends"), "a")
    assert.strictEqual(textOf('a<p title="never ends>b'), "a")
    assert.strictEqual(textOf("a<!DOCTYPE x>b<?php x ?>c</>d"), "abcd")
    assert.strictEqual(textOf("&bogus; &#0; &#xd800; &#99999999; &"), "&bogus; &#99999999; &")
    assert.strictEqual(textOf("<SCRIPT>x</SCRIPT ><P>İ</P>y"), "İ\n\ny")
  })

  it("is cut at a length, and says so", () => {
    const { isCut, text } = read(`<p>${"word ".repeat(1000)}</p>`, 100)
    assert.isTrue(isCut)
    assert.isAtMost(text.length, 100)
  })

  it("takes time that grows with its length, whatever it is made of", () => {
    const pieces = [
      "<",
      "<a",
      "<a href=",
      '<a href="',
      "<!--",
      "</",
      "&",
      "&#",
      "<script>",
      "<svg ",
      "href ",
      " ",
      "<li>",
      "'"
    ]
    for (const piece of pieces) {
      const html = piece.repeat(Math.ceil((1 << 20) / piece.length))
      const began = process.cpuUsage().user
      read(html, 1 << 18)
      assert.isBelow((process.cpuUsage().user - began) / 1000, 1_500, piece)
    }
  })

  it("never fails, and shows nothing that a script holds", () => {
    const piece = fc.constantFrom("<p>", "</p>", "<a href=/x>", "</a>", "<pre>", "<td>", "text", " ", "&lt;", "<", '"')
    const html = fc.array(piece, { maxLength: 40 }).map((all) => all.join(""))
    fc.assert(
      fc.property(html, html, (before, after) => {
        const { text } = read(`${before.replaceAll('"', "")}><script>secret</script>${after}`)
        assert.notInclude(text, "secret")
      })
    )
  })
})
