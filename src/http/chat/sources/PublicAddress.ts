/**
 * Whether an IP address is globally reachable, by IANA's special-purpose address registries.
 */
import { BlockList, isIPv4, isIPv6 } from "node:net"

const listOf = (family: "ipv4" | "ipv6", ranges: ReadonlyArray<readonly [string, number]>): BlockList => {
  const list = new BlockList()
  for (const [net, prefix] of ranges) list.addSubnet(net, prefix, family)
  return list
}

const specialV4 = listOf("ipv4", [
  ["0.0.0.0", 8], // this network
  ["10.0.0.0", 8], // private
  ["100.64.0.0", 10], // carrier NAT; a metadata service of Alibaba Cloud is here
  ["127.0.0.0", 8], // loopback
  ["168.63.129.16", 32], // the host's own service on Azure
  ["169.254.0.0", 16], // link-local; most metadata services are here
  ["172.16.0.0", 12], // private
  ["192.0.0.0", 24], // protocol assignments
  ["192.0.2.0", 24], // documentation
  ["192.88.99.0", 24], // 6to4 relays
  ["192.168.0.0", 16], // private
  ["198.18.0.0", 15], // benchmarks
  ["198.51.100.0", 24], // documentation
  ["203.0.113.0", 24], // documentation
  ["224.0.0.0", 4], // multicast
  ["240.0.0.0", 4] // reserved, broadcast
])

/** IPv6 global unicast; excludes IPv4-mapped, NAT64, loopback, local and multicast addresses. */
const globalV6 = listOf("ipv6", [["2000::", 3]])

const specialV6 = listOf("ipv6", [
  ["2001::", 23], // protocol assignments, Teredo
  ["2001:db8::", 32], // documentation
  ["2002::", 16], // 6to4: holds an IPv4 address
  ["3fff::", 20] // documentation
])

/** False for anything that is not an IP address. */
export const isPublic = (address: string): boolean =>
  isIPv4(address)
    ? !specialV4.check(address, "ipv4")
    : isIPv6(address) && !address.includes("%") && globalV6.check(address, "ipv6") && !specialV6.check(address, "ipv6")
