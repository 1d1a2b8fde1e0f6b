/// An absolute http or https URL, kept verbatim where it matters: path and query are sent as they were written.
///
/// It has neither user info (credentials travel as header fields, decided per host) nor a fragment (never sent).
/// Spec: RFC 9110 section 4.2, RFC 3986.
public struct HTTPURL: Hashable, Sendable, CustomStringConvertible {
    /// The two schemes that HTTP has.
    public enum Scheme: String, Sendable, Hashable {
        /// Plain HTTP, port 80.
        case http
        /// HTTP over TLS, port 443.
        case https

        var defaultPort: Int { self == .http ? 80 : 443 }
    }

    /// How the server is spoken to.
    public let scheme: Scheme
    /// The host in lower case; an IPv6 address without its brackets.
    public let host: String
    /// The port; the scheme's default when the text named none.
    public let port: Int
    /// The path with the query behind it; begins with "/".
    public let pathAndQuery: String

    init(scheme: Scheme, host: String, port: Int, pathAndQuery: String) {
        self.scheme = scheme
        self.host = host
        self.port = port
        self.pathAndQuery = pathAndQuery
    }

    /// Reads a URL; a fragment is dropped.
    /// - Throws: ``HTTPURLError`` for another scheme, user info, characters that no URL has (spaces, control characters,
    ///   backslashes, anything beyond ASCII), a host that is empty or not a name or address, and a port that is none.
    public init(_ text: String) throws(HTTPURLError) {
        func refused(_ reason: String) -> HTTPURLError { HTTPURLError(refused: text, because: reason) }

        guard text.utf8.allSatisfy(isURLByte) else {
            throw refused("it contains a space, a control character, a backslash or a character that needs %-encoding")
        }
        guard let colon = text.firstIndex(of: ":"), text[colon...].hasPrefix("://"),
            let scheme = Scheme(rawValue: text[..<colon].lowercased())
        else { throw refused("it does not begin with http:// or https://") }

        let rest = text[text.index(colon, offsetBy: 3)...]
        let authorityEnd = rest.firstIndex { "/?#".contains($0) } ?? rest.endIndex
        let authority = rest[..<authorityEnd]
        guard !authority.contains("@") else { throw refused("it contains user info") }

        let (hostText, portText) = splitAuthority(authority)
        guard let host = validatedHost(hostText) else { throw refused("its host is no host name or IP address") }
        guard let port = portText.isEmpty ? scheme.defaultPort : decimalPort(portText) else {
            throw refused("its port is not a number from 1 to 65535")
        }
        let target = rest[authorityEnd...].prefix { $0 != "#" }
        self.init(
            scheme: scheme, host: host, port: port, pathAndQuery: target.hasPrefix("/") ? String(target) : "/" + target)
    }

    /// `host[:port]` as the `Host` field has it: the port only when it is not the scheme's default, brackets for IPv6.
    public var authority: String {
        let name = host.contains(":") ? "[\(host)]" : host
        return port == scheme.defaultPort ? name : "\(name):\(port)"
    }

    /// The path without the query.
    public var path: String { String(pathAndQuery.prefix { $0 != "?" }) }

    /// What follows the first "?", if there is one.
    public var query: String? {
        pathAndQuery.firstIndex(of: "?").map { String(pathAndQuery[pathAndQuery.index(after: $0)...]) }
    }

    /// Whether scheme, host and port are the same, so that a credential for one may go to the other.
    public func isSameOrigin(as other: HTTPURL) -> Bool {
        scheme == other.scheme && host == other.host && port == other.port
    }

    /// The whole URL.
    public var description: String { "\(scheme.rawValue)://\(authority)\(pathAndQuery)" }

    /// The URL without its query, which may hold secrets: for logs and errors.
    public var withoutQuery: String { "\(scheme.rawValue)://\(authority)\(path)" }
}

/// Why a text is no ``HTTPURL``.
public struct HTTPURLError: Error, Sendable, CustomStringConvertible {
    /// One sentence with the text, as far as it holds no secret.
    public var description: String
    /// What is wrong with the text, without any of it.
    public let reason: String

    init(refused text: String, because reason: String) {
        self.reason = reason
        description = "the URL \"\(redacted(text.prefix { $0 != "?" }, limit: 200))\" cannot be used: \(reason)"
    }
}

func isURLByte(_ byte: UInt8) -> Bool { byte > 0x20 && byte < 0x7F && byte != UInt8(ascii: "\\") }

private func splitAuthority(_ authority: Substring) -> (host: Substring, port: Substring) {
    // The colons of an IPv6 address are within its brackets.
    let searched = authority.lastIndex(of: "]").map { authority[$0...] } ?? authority
    guard let colon = searched.firstIndex(of: ":") else { return (authority, "") }
    return (authority[..<colon], authority[authority.index(after: colon)...])
}

private func validatedHost(_ text: Substring) -> String? {
    if text.hasPrefix("[") {
        let address = text.dropFirst().dropLast()
        // Zone identifiers have no meaning beyond one machine and are left out.
        guard text.hasSuffix("]"), address.contains(":"), address.utf8.count <= 45,
            address.allSatisfy({ $0.isHexDigit || $0 == ":" || $0 == "." })
        else { return nil }
        return address.lowercased()
    }
    // No "%": libcurl would decode it, and the host compared here would not be the host spoken to.
    guard !text.isEmpty, text.utf8.count <= 253,
        text.utf8.allSatisfy({ isASCIIAlphanumeric($0) || $0 == 0x2D || $0 == 0x2E || $0 == 0x5F })
    else { return nil }
    return text.lowercased()
}

private func decimalPort(_ text: Substring) -> Int? {
    guard text.utf8.count <= 5, text.utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }), let port = Int(text),
        (1...65_535).contains(port)
    else { return nil }
    return port
}

func isASCIIAlphanumeric(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "a")...UInt8(ascii: "z"):
        true
    default: false
    }
}
