/// A key of `auths` in a Docker configuration: `https://index.docker.io/v1/`, `registry.example.com:5000`,
/// `registry.example.com/team`, `*.example.com`.
struct AuthKey: Hashable, Sendable {
    /// The key as it is written.
    let text: String
    /// The host's labels in lower case, possibly patterns.
    private let labels: [Substring]
    private let port: Int?
    /// The path's segments; none for a whole host.
    private let path: [Substring]

    /// How well a key fits; what fits best comes first.
    struct Rank: Comparable {
        private let values: [Int]
        /// Whether the key names the host itself, by whatever form, and no path and no pattern.
        let isWholeHost: Bool

        fileprivate init(_ values: Int..., isWholeHost: Bool = false) {
            self.values = values
            self.isWholeHost = isWholeHost
        }

        static func < (left: Rank, right: Rank) -> Bool { left.values.lexicographicallyPrecedes(right.values) }
        static func == (left: Rank, right: Rank) -> Bool { left.values == right.values }
    }

    /// Reads a key; `nil` for one that names no host.
    init?(_ text: String) {
        self.text = text
        var rest = text.lowercased()[...]
        var defaultPort: Int?
        for (scheme, port) in [("https://", 443), ("http://", 80)] where rest.hasPrefix(scheme) {
            rest = rest.dropFirst(scheme.count)
            defaultPort = port
        }
        guard !rest.contains("://"), !rest.contains("@") else { return nil }
        let hostEnd = rest.firstIndex(of: "/") ?? rest.endIndex
        var host = rest[..<hostEnd]
        var port: Int?
        if let colon = host.lastIndex(of: ":"), !host.hasSuffix("]") {
            guard let number = Int(host[host.index(after: colon)...]), (1...65_535).contains(number) else { return nil }
            port = number == defaultPort ? nil : number
            host = host[..<colon]
        }
        guard !host.isEmpty, host.utf8.allSatisfy({ $0.isASCIIAlphanumeric || ".-_:[]*?".utf8.contains($0) }) else {
            return nil
        }
        // Repository names are lower-case, so lower-casing the path loses nothing.
        var path = rest[hostEnd...].split(separator: "/")
        if path.first == "v1" || path.first == "v2" { path.removeFirst() }
        labels = Self.canonicalLabels(host)
        self.port = port
        self.path = path
    }

    /// How well the key fits a repository of a host; `nil` when it does not.
    func rank(for host: RegistryHost, repository: Repository?) -> Rank? {
        guard port == host.port else { return nil }
        let segments = repository?.name.split(separator: "/") ?? []
        guard segments.starts(with: path) else { return nil }
        let hostLabels = Self.canonicalLabels(host.name[...])
        if labels == hostLabels {
            if !path.isEmpty { return Rank(0, -path.count) }
            return Rank(text == host.description ? 1 : 2, isWholeHost: true)
        }
        guard labels.count == hostLabels.count, zip(labels, hostLabels).allSatisfy({ matches($0[...], $1[...]) }) else {
            return nil
        }
        let wildcards = labels.joined().filter { "*?".contains($0) }.count
        return Rank(3, -path.count, wildcards)
    }

    /// Whether this is one of the names that Docker Hub goes by.
    static func isDockerHub(_ name: some StringProtocol) -> Bool {
        ["docker.io", "index.docker.io", "registry-1.docker.io"].contains(name.lowercased())
    }

    private static func canonicalLabels(_ host: Substring) -> [Substring] {
        let name = isDockerHub(host) ? "docker.io" : host
        return name.split(separator: ".", omittingEmptySubsequences: false)
    }
}

/// Whether a label fits a pattern with `*` (any characters) and `?` (one character).
private func matches(_ pattern: Substring, _ label: Substring) -> Bool {
    // The usual two-pointer walk: on a mismatch the last star takes one character more. No exponential cases.
    var pattern = pattern
    var label = label
    var retry: (pattern: Substring, label: Substring)?
    while let character = label.first {
        if pattern.first == "*" {
            retry = (pattern.dropFirst(), label)
            pattern = pattern.dropFirst()
        } else if let expected = pattern.first, expected == "?" || expected == character {
            pattern = pattern.dropFirst()
            label = label.dropFirst()
        } else if let last = retry {
            retry = (last.pattern, last.label.dropFirst())
            (pattern, label) = (last.pattern, last.label.dropFirst())
        } else {
            return false
        }
    }
    return pattern.allSatisfy { $0 == "*" }
}
