internal import HTTPTransport

extension IPAddress {
    /// The machine itself.
    ///
    /// Spec: RFC 6890.
    var isLoopback: Bool {
        bytes.count == 4 ? bytes[0] == 127 : bytes == [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]
    }

    /// Whether it is unspecified, link-local, multicast or broadcast, which is the address of no one other machine.
    ///
    /// Spec: RFC 6890, RFC 4291. Linux takes all of 0.0.0.0/8 that it connects to for itself.
    var isNoHost: Bool {
        if bytes.count == 4 {
            return bytes[0] == 0 || bytes[0] == 169 && bytes[1] == 254 || (224...239).contains(bytes[0])
                || bytes == [255, 255, 255, 255]
        }
        return bytes.allSatisfy { $0 == 0 } || bytes[0] == 0xfe && bytes[1] & 0xc0 == 0x80 || bytes[0] == 0xff
    }

    /// Whether a cloud hands out its machines' credentials here; most do so at the link-local 169.254.169.254.
    var isMetadataService: Bool { Self.metadataServices.contains(self) }

    private static let metadataServices = Set(
        // Alibaba, Azure, Oracle, Amazon, Google.
        ["100.100.100.200", "168.63.129.16", "192.0.0.192", "fd00:ec2::254", "fd20:ce::254"].compactMap {
            IPAddress($0)
        })

    /// The IPv4 addresses that an IPv6 address leads to through a translator or a tunnel.
    ///
    /// Spec: RFC 4291 section 2.5.5.1 (compatible), RFC 6052 (NAT64), RFC 8215 (local NAT64), RFC 3056 (6to4), RFC 4380
    /// (Teredo: server and client), RFC 5214 (ISATAP).
    var embedded: [IPAddress] {
        guard bytes.count == 16 else { return [] }
        var found: [ArraySlice<UInt8>] = []
        let isCompatible = bytes[..<12].allSatisfy { $0 == 0 }
        if isCompatible && !isLoopback || bytes.starts(with: [0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0]) {
            found.append(bytes[12...])
        }
        if bytes.starts(with: [0, 0x64, 0xff, 0x9b, 0, 1]) {
            // Where it is depends on the length of the prefix; the ninth byte is never part of it.
            found += [bytes[6..<8] + bytes[9..<11], bytes[7..<8] + bytes[9..<12], bytes[9..<13], bytes[12...]]
        }
        if bytes.starts(with: [0x20, 0x02]) { found.append(bytes[2..<6]) }
        if bytes.starts(with: [0x20, 0x01, 0, 0]) { found += [bytes[4..<8], ArraySlice(bytes[12...].map { ~$0 })] }
        if bytes[8] & 0xfd == 0, bytes[9...11] == [0, 0x5e, 0xfe] { found.append(bytes[12...]) }
        return found.compactMap { IPAddress(bytes: Array($0)) }
    }
}
