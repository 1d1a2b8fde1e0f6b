internal import HTTPTransport

/// The host of a registry with an optional port, as image references and Docker configurations name it.
///
/// Host names are compared in lower case; an IPv6 address is written in brackets.
public struct RegistryHost: TextValue {
    /// The host name or address in lower case; an IPv6 address with its brackets.
    public let name: String
    /// The port, if one is written.
    public let port: Int?

    /// Reads `host` or `host:port`, without scheme and path.
    /// - Throws: ``InvalidValue`` that says what is wrong.
    public init(_ text: String) throws(InvalidValue) {
        let kind = "registry host"
        guard !text.contains("/") else {
            throw InvalidValue(kind, text, "write host[:port], without scheme and path")
        }
        var name = text[...]
        var port: Int?
        let portStart =
            text.hasPrefix("[")
            ? text.firstRange(of: "]:")?.upperBound : text.firstIndex(of: ":").map(text.index(after:))
        if let portStart {
            let digits = text[portStart...]
            guard let number = Int(digits), (1...65_535).contains(number), digits.utf8.allSatisfy(\.isASCIIDigit),
                digits.utf8.count <= 5
            else { throw InvalidValue(kind, text, "the port must be a number from 1 to 65535") }
            port = number
            name = text[..<text.index(before: portStart)]
        }
        guard Self.isHostName(name) || Self.isBracketedIPv6(name) else {
            throw InvalidValue(
                kind, text, "the host must be a DNS name, an IPv4 address or an IPv6 address in brackets")
        }
        self.name = name.lowercased()
        self.port = port
    }

    /// `host[:port]`.
    public var description: String { port.map { "\(name):\($0)" } ?? name }

    private static func isHostName(_ name: Substring) -> Bool {
        guard (1...253).contains(name.utf8.count) else { return false }
        return name.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false).allSatisfy { label in
            (1...63).contains(label.count) && label.first != UInt8(ascii: "-") && label.last != UInt8(ascii: "-")
                && label.allSatisfy { $0.isASCIIAlphanumeric || $0 == UInt8(ascii: "-") }
        }
    }

    private static func isBracketedIPv6(_ name: Substring) -> Bool {
        guard name.hasPrefix("["), name.hasSuffix("]") else { return false }
        let address = String(name.dropFirst().dropLast())
        return address.contains(":") && IPAddress(address) != nil
    }
}
