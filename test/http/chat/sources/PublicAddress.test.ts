import { assert, describe, it } from "@effect/vitest"
import { FastCheck } from "effect"
import { isPublic } from "../../../../src/http/chat/sources/PublicAddress.ts"

const v4 = (n: number) => [n >>> 24, (n >>> 16) & 255, (n >>> 8) & 255, n & 255].join(".")
const number = (address: string) => address.split(".").reduce((sum, part) => sum * 256 + Number(part), 0)
const hex = (n: number) => n.toString(16)

const special: ReadonlyArray<readonly [first: string, last: string]> = [
  ["0.0.0.0", "0.255.255.255"],
  ["10.0.0.0", "10.255.255.255"],
  ["100.64.0.0", "100.127.255.255"],
  ["127.0.0.0", "127.255.255.255"],
  ["168.63.129.16", "168.63.129.16"],
  ["169.254.0.0", "169.254.255.255"],
  ["172.16.0.0", "172.31.255.255"],
  ["192.0.0.0", "192.0.0.255"],
  ["192.0.2.0", "192.0.2.255"],
  ["192.88.99.0", "192.88.99.255"],
  ["192.168.0.0", "192.168.255.255"],
  ["198.18.0.0", "198.19.255.255"],
  ["198.51.100.0", "198.51.100.255"],
  ["203.0.113.0", "203.0.113.255"],
  ["224.0.0.0", "255.255.255.255"]
]

describe("isPublic", () => {
  it("knows the edges of every special range of IPv4", () => {
    const neighbours = (n: number) => [n - 1, n + 1].filter((near) => near >= 0 && near <= 0xffff_ffff)
    const within = (n: number) => special.some(([first, last]) => n >= number(first) && n <= number(last))
    for (const [first, last] of special) {
      assert.isFalse(isPublic(first), first)
      assert.isFalse(isPublic(last), last)
      for (const near of [...neighbours(number(first)), ...neighbours(number(last))]) {
        assert.strictEqual(isPublic(v4(near)), !within(near), v4(near))
      }
    }
  })

  it("agrees with the table on any IPv4 address", () =>
    FastCheck.assert(
      FastCheck.property(FastCheck.integer({ min: 0, max: 0xffff_ffff }), (n) => {
        const within = special.some(([first, last]) => n >= number(first) && n <= number(last))
        assert.strictEqual(isPublic(v4(n)), !within)
      }),
      { numRuns: 2000 }
    ))

  it("takes global IPv6 and nothing that is local, reserved or holds another address", () => {
    for (const good of ["2606:4700:4700::1111", "2a00:1450:4001:80e::200e", "2400:3200::1", "3ffe::1", "2001:200::1"]) {
      assert.isTrue(isPublic(good), good)
    }
    for (const bad of [
      ...[
        "::",
        "::1",
        "fe80::1",
        "fe80::1%eth0",
        "2606:4700::1%eth0",
        "fc00::1",
        "fd00:ec2::254",
        "fec0::1",
        "ff02::1"
      ],
      ...[
        "::ffff:127.0.0.1",
        "::ffff:8.8.8.8",
        "::127.0.0.1",
        "::ffff:0:10.0.0.1",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::1"
      ],
      ...["2002:7f00:1::", "2002:a9fe:a9fe::1", "2001::1", "2001:0:53aa:64c::1", "2001:10::1", "2001:20::1"],
      ...["2001:db8::1", "3fff::1", "100::1", "5f00::1", "4000::1"]
    ]) {
      assert.isFalse(isPublic(bad), bad)
    }
  })

  it("refuses an IPv4 address that is embedded in an IPv6 address", () =>
    FastCheck.assert(
      FastCheck.property(FastCheck.integer({ min: 0, max: 0xffff_ffff }), (n) => {
        const [high, low] = [hex(n >>> 16), hex(n & 0xffff)]
        for (const dressed of [
          ...[`::ffff:${v4(n)}`, `::${high}:${low}`, `::ffff:${high}:${low}`, `::ffff:0:${high}:${low}`],
          ...[
            `64:ff9b::${high}:${low}`,
            `64:ff9b:1::${high}:${low}`,
            `2002:${high}:${low}::1`,
            `2001:0:1:1::${high}:${low}`
          ]
        ]) {
          assert.isFalse(isPublic(dressed), dressed)
        }
      })
    ))

  it("takes nothing that is no address", () => {
    for (const bad of ["", "localhost", "1.2.3", "0x8.8.8.8", "08.8.8.8", "8.8.8.8:80", "[2606:4700::1]", "8.8.8.8 "]) {
      assert.isFalse(isPublic(bad), bad)
    }
  })
})
