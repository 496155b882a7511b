import { assert, describe, it } from "@effect/vitest"
import { FastCheck as fc } from "effect"
import { BodyBuffer, FREE } from "../../../src/http/server/BodyBuffer.ts"

const MEBIBYTE = 1024 * 1024

const source = Uint8Array.from({ length: 2 * MEBIBYTE }, (_, i) => i % 251)
const filled = (sizes: ReadonlyArray<number>) => {
  let at = 0
  return sizes.map((size) => {
    at += size
    return source.subarray(at - size, at)
  })
}

describe("a body buffer", () => {
  it("returns what was added in any chunks, using at most twice its size and one small block of memory", () => {
    const size = fc.oneof(fc.nat(3), fc.nat(2_000), fc.constantFrom(65_535, 65_536, 65_537, 200_000))
    fc.assert(
      fc.property(fc.array(size, { maxLength: 12 }), fc.boolean(), (sizes, isDeclared) => {
        const pieces = filled(sizes)
        const whole = Buffer.concat(pieces)
        const declared = isDeclared ? whole.length : undefined
        const buffer = new BodyBuffer({ limit: whole.length, declared })
        for (const piece of pieces) assert.isUndefined(buffer.add(piece))
        assert.isAtMost(buffer.capacity, isDeclared ? whole.length : 2 * whole.length + 64 * 1024)
        assert.isTrue(whole.equals(buffer.bytes()))
      })
    )
  })

  it("copies many chunks instead of retaining them", () => {
    const pieces = Array.from({ length: 1_000 }, () => new Uint8Array([1]))
    const buffer = new BodyBuffer({ limit: MEBIBYTE })
    for (const piece of pieces) buffer.add(piece)
    for (const piece of pieces.slice(1)) piece[0] = 2
    assert.isTrue(buffer.bytes().every((byte) => byte === 1))
  })

  it("rejects the chunk that exceeds the limit", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(50), { minLength: 1, maxLength: 20 }), fc.nat(400), (sizes, limit) => {
        const buffer = new BodyBuffer({ limit })
        let size = 0
        for (const piece of filled(sizes)) {
          size += piece.length
          const refused = buffer.add(piece)
          assert.strictEqual(refused, size > limit ? "too_large" : undefined)
          if (refused !== undefined) return
        }
      })
    )
  })

  it("accepts a limited number of one-byte chunks, and any number of chunks of network size", () => {
    const one = new Uint8Array([1])
    const bytes = new BodyBuffer({ limit: MEBIBYTE })
    let taken = 0
    while (bytes.add(one) === undefined) taken++
    assert.isAtLeast(taken, 50_000)
    assert.isAtMost(taken, 55_000)
    assert.strictEqual(bytes.add(one), "too_many_pieces")
    const segment = new Uint8Array(536)
    const segments = new BodyBuffer({ limit: 32 * MEBIBYTE })
    for (let size = 0; size < 31 * MEBIBYTE; size += segment.length) assert.isUndefined(segments.add(segment))
  })

  it("reserves memory beyond the free part before allocating it", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(150_000), { maxLength: 12 }), fc.nat(800_000), (sizes, granted) => {
        let reserved = 0
        const reserve = (bytes: number) => {
          assert.isAbove(bytes, 0)
          if (reserved + bytes > granted) return false
          reserved += bytes
          return true
        }
        const buffer = new BodyBuffer({ limit: MEBIBYTE * 4, reserve })
        for (const piece of filled(sizes)) {
          const refused = buffer.add(piece)
          assert.strictEqual(Math.max(0, buffer.capacity - FREE), reserved)
          if (refused !== undefined) return assert.strictEqual(refused, "not_reserved")
        }
      })
    )
  })

  it("reserves nothing for a small body", () => {
    const reserve = () => assert.fail("asked")
    for (const size of [1, 7, 1_000, 32_768, 65_536]) {
      const buffer = new BodyBuffer({ limit: MEBIBYTE, reserve })
      for (let at = 0; at < 65_536; at += size) {
        assert.isUndefined(buffer.add(new Uint8Array(Math.min(size, 65_536 - at))), `${size}`)
        if (at > 40_000 && size === 1) break
      }
    }
  })
})
