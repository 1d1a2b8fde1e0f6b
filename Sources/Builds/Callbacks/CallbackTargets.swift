public import HTTPTransport

/// Where callbacks may go: what `CALLBACK_ALLOWED_HOSTS` says.
///
/// Entries are separated by commas, each `[scheme://]host[:port]`. Without a scheme only https is allowed, so that no
/// secret goes over plain HTTP unless an entry says `http://`. Without a port any port is. A host may begin with `*.`,
/// which stands for one label or several.
public struct CallbackTargets: Sendable, Equatable, CustomStringConvertible {
    struct Entry: Sendable, Equatable {
        let scheme: HTTPURL.Scheme
        /// Without `*.`, in the form of ``CallbackHost``.
        let host: String
        let coversSubdomains: Bool
        let port: Int?
        let text: String

        func allows(_ url: HTTPURL, _ host: String) -> Bool {
            scheme == url.scheme && (port == nil || port == url.port)
                && (coversSubdomains ? host.hasSuffix(".\(self.host)") : host == self.host)
        }
    }

    /// The longest URL of a callback in bytes.
    static let longestURL = 2048

    private let entries: [Entry]
    private let namesLoopback: Bool

    /// Nothing is allowed.
    public static let none = CallbackTargets([])

    private init(_ entries: [Entry]) {
        self.entries = entries
        namesLoopback = entries.contains { entry in
            !entry.coversSubdomains && (entry.host == "localhost" || IPAddress(entry.host)?.isLoopback == true)
        }
    }

    /// Reads the setting; an empty text allows nothing.
    /// - Throws: ``InvalidInput`` for the field `CALLBACK_ALLOWED_HOSTS`, with the entry that is none.
    public init(_ text: String) throws(InvalidInput) {
        var entries: [Entry] = []
        for part in text.split(separator: ",") {
            let entry = part.split(whereSeparator: \.isWhitespace)
            guard !entry.isEmpty else { continue }
            entries.append(try Entry(entry.joined(separator: " ")))
        }
        self.init(entries)
    }

    /// Whether no callback is allowed at all.
    public var isEmpty: Bool { entries.isEmpty }

    /// The entries as they are read.
    public var description: String { entries.map(\.text).joined(separator: ", ") }

    // MARK: URLs

    /// Reads the URL of a callback, wherever it leads.
    /// - Throws: ``InvalidInput`` for the field `callbackUrl`, without anything of the URL.
    public static func validatedURL(_ text: String) throws(InvalidInput) -> HTTPURL {
        func refused(_ reason: String) -> InvalidInput {
            InvalidInput(field: "callbackUrl", "cannot be used: \(reason)")
        }
        guard text.utf8.count <= longestURL else {
            throw refused("it has \(text.utf8.count) bytes, and at most \(longestURL) are allowed")
        }
        guard !text.contains("#") else { throw refused("it has a fragment, which is never sent; leave it out") }
        let url: HTTPURL
        do {
            url = try HTTPURL(text)
        } catch {
            throw refused(error.reason)
        }
        do {
            _ = try CallbackHost.validated(url.host)
        } catch {
            throw refused(error.reason)
        }
        return url
    }

    /// Reads the URL of a callback that may be called.
    /// - Throws: ``InvalidInput`` for the field `callbackUrl`. Of the URL it shows scheme, host and port at most.
    public func check(_ text: String) throws(InvalidInput) -> HTTPURL {
        let url = try Self.validatedURL(text)
        let host = try CallbackHost.validated(url.host)
        guard !entries.contains(where: { $0.allows(url, host) }) else { return url }
        let origin = "\(url.scheme.rawValue)://\(url.authority)"
        let allowed = isEmpty ? "it is empty" : "it has \(entries.prefix(10).map(\.text).joined(separator: ", "))"
        let plain =
            url.scheme == .http && entries.contains { $0.scheme == .https }
            ? "; an entry without http:// allows https only" : ""
        throw InvalidInput(
            field: "callbackUrl",
            "calls to \(InvalidInput.quoted(origin)) are not allowed; the operator says in CALLBACK_ALLOWED_HOSTS what is, and "
                + "\(allowed)\(plain)")
    }

    // MARK: Addresses

    /// Whether nothing may be sent to an address, whichever host led there.
    ///
    /// Refused are addresses that belong to no other machine (unspecified, link-local, multicast, broadcast), those at
    /// which clouds hand out credentials, and the API server's. Loopback is refused unless an entry names a loopback
    /// host. Private addresses are not: n8n has one.
    /// - Parameter apiServer: The addresses of the Kubernetes API server.
    public func refuses(_ address: IPAddress, apiServer: [IPAddress]) -> Bool {
        ([address] + address.embedded).contains { address in
            address.isNoHost || address.isMetadataService || apiServer.contains(address)
                || address.isLoopback && !namesLoopback
        }
    }
}

extension CallbackTargets.Entry {
    fileprivate init(_ text: String) throws(InvalidInput) {
        func refused(_ reason: String) -> InvalidInput {
            InvalidInput(
                field: "CALLBACK_ALLOWED_HOSTS",
                "\(InvalidInput.quoted(text)) is no [scheme://]host[:port]: \(reason); such as n8n.example.com, "
                    + "*.example.com:8443 or http://n8n.n8n.svc:5678")
        }
        let scheme: HTTPURL.Scheme
        var rest: Substring
        if let separator = text.firstRange(of: "://") {
            guard let named = HTTPURL.Scheme(rawValue: text[..<separator.lowerBound].lowercased()) else {
                throw refused("its scheme is neither https nor http")
            }
            (scheme, rest) = (named, text[separator.upperBound...])
        } else {
            (scheme, rest) = (.https, text[...])
        }
        let coversSubdomains = rest.hasPrefix("*.")
        if coversSubdomains { rest = rest.dropFirst(2) }
        guard !rest.isEmpty, !rest.contains(where: { "/?#*".contains($0) }), !rest.hasSuffix(":") else {
            throw refused(
                rest.contains("*")
                    ? "only *. at its beginning stands for other names" : "there is more, or less, than that")
        }
        let url: HTTPURL
        do {
            url = try HTTPURL("\(scheme.rawValue)://\(rest)")
        } catch {
            throw refused(error.reason)
        }
        do {
            host = try CallbackHost.validated(url.host)
        } catch {
            throw refused(error.reason)
        }
        guard !coversSubdomains || IPAddress(host) == nil else {
            throw refused("an address has no subdomains")
        }
        let hasPort = rest.contains(":") && !rest.hasSuffix("]")
        self.scheme = scheme
        self.coversSubdomains = coversSubdomains
        self.port = hasPort ? url.port : nil
        let name = url.host.contains(":") ? "[\(url.host)]" : url.host
        self.text = "\(scheme.rawValue)://\(coversSubdomains ? "*." : "")\(name)\(hasPort ? ":\(url.port)" : "")"
    }
}

/// The host of a URL in the one form in which hosts are compared.
private enum CallbackHost {
    /// The name without anything that resolvers read differently; an address as all its numbers.
    /// - Throws: ``InvalidInput`` with the reason.
    static func validated(_ host: String) throws(InvalidInput) -> String {
        if let address = IPAddress(host) {
            guard address.bytes.count == 16 else { return address.bytes.map { "\($0)" }.joined(separator: ".") }
            return stride(from: 0, to: 16, by: 2).map { index in
                String(Int(address.bytes[index]) << 8 | Int(address.bytes[index + 1]), radix: 16)
            }.joined(separator: ":")
        }
        let labels = host.split(separator: ".", omittingEmptySubsequences: false)
        guard labels.allSatisfy({ !$0.isEmpty }), !host.contains(":") else {
            throw InvalidInput(field: "host", "its host has an empty label or ends in a dot")
        }
        // 127.1, 2130706433 and 0x7f.1 are addresses to resolvers, and names to everybody else.
        let last = labels.last ?? ""
        guard !last.utf8.allSatisfy({ (0x30...0x39).contains($0) }), !last.hasPrefix("0x") else {
            throw InvalidInput(field: "host", "its host is neither a name nor an address of four numbers")
        }
        return host
    }
}
