internal import HTTPTransport

/// An address as far as it matters whether it leads into the machine or the local network.
extension IPAddress {
    /// Whether it is unspecified, loopback, link-local, private or of a carrier's network: an address that a server out
    /// there has no business to send anyone to.
    ///
    /// Spec: RFC 6890, RFC 1918, RFC 4193, RFC 6598.
    var isInternal: Bool {
        if bytes.count == 16 {
            let prefix = bytes.prefix(12)
            // ::, ::1 and IPv4-compatible.
            if prefix.allSatisfy({ $0 == 0 }) { return true }
            if prefix == [0, 0x64, 0xFF, 0x9B, 0, 0, 0, 0, 0, 0, 0, 0] {
                // NAT64: what counts is the IPv4 address in it.
                return IPAddress(bytes: Array(bytes.suffix(4)))?.isInternal ?? true
            }
            return bytes[0] & 0xFE == 0xFC || bytes[0] == 0xFE && bytes[1] & 0xC0 >= 0x80
        }
        switch (bytes[0], bytes[1]) {
        case (0, _), (10, _), (127, _), (169, 254), (192, 168): return true
        case (172, 16...31), (100, 64...127): return true
        default: return false
        }
    }

    /// Whether a URL's host is an internal address, or the name `localhost`.
    static func isInternal(host: String) -> Bool {
        if let address = IPAddress(host) { return address.isInternal }
        // 127.1 and 2130706433 are no addresses to inet_pton, but are to resolvers; no public host name looks so.
        let lastLabel = host.split(separator: ".").last ?? ""
        let looksNumeric = lastLabel.utf8.allSatisfy(\.isASCIIDigit) || lastLabel.lowercased().hasPrefix("0x")
        return host == "localhost" || host.hasSuffix(".localhost") || looksNumeric
    }
}
