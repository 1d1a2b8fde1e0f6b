extension HTTPURL {
    /// The URL that a reference found at this URL points to.
    ///
    /// The reference comes from the network: check the result with ``isSameOrigin(as:)`` before sending a secret there.
    /// - Throws: ``HTTPURLError`` when the result is no http(s) URL.
    /// Spec: RFC 3986 section 5.2.
    public func resolving(_ reference: String) throws(HTTPURLError) -> HTTPURL {
        guard reference.utf8.allSatisfy(isURLByte) else {
            throw HTTPURLError(refused: reference, because: "it contains a space or a character that no URL has")
        }
        if hasScheme(reference) {
            return try HTTPURL(reference).removingDotSegments()
        }
        if reference.hasPrefix("//") {
            return try HTTPURL("\(scheme.rawValue):\(reference)").removingDotSegments()
        }
        let target = reference.prefix { $0 != "#" }
        let referencePath = target.prefix { $0 != "?" }
        let referenceQuery = target[referencePath.endIndex...]  // with its "?"
        if referencePath.isEmpty {
            return with(pathAndQuery: referenceQuery.isEmpty ? pathAndQuery : path + referenceQuery)
        }
        let folder = referencePath.hasPrefix("/") ? "" : path[...lastSlash(of: path)]
        let merged = String(folder + referencePath)
        return with(pathAndQuery: withoutDotSegments(merged) + referenceQuery)
    }

    /// This URL with more path segments, joined by "/".
    ///
    /// The segments are percent-safe already; a query stays behind them.
    public func appending(path segments: String...) -> HTTPURL {
        let base = path.hasSuffix("/") ? String(path.dropLast()) : path
        let extended = ([base] + segments).joined(separator: "/")
        return with(pathAndQuery: extended + pathAndQuery.dropFirst(path.count))
    }

    /// This URL with more query items behind those it has; names and values are percent-encoded.
    public func appending(query items: [(name: String, value: String)]) -> HTTPURL {
        guard !items.isEmpty else { return self }
        let added = items.map { "\(percentEncoded($0.name))=\(percentEncoded($0.value))" }.joined(separator: "&")
        let separator =
            switch query {
            case nil: "?"
            case "": ""
            case .some(let query): query.hasSuffix("&") ? "" : "&"
            }
        return with(pathAndQuery: pathAndQuery + separator + added)
    }

    private func with(pathAndQuery: String) -> HTTPURL {
        HTTPURL(scheme: scheme, host: host, port: port, pathAndQuery: pathAndQuery)
    }

    private func removingDotSegments() -> HTTPURL {
        with(pathAndQuery: withoutDotSegments(path) + pathAndQuery.dropFirst(path.count))
    }
}

private func hasScheme(_ reference: String) -> Bool {
    guard let end = reference.firstIndex(where: { ":/?#".contains($0) }), reference[end] == ":" else { return false }
    return end != reference.startIndex
}

private func lastSlash(of path: String) -> String.Index { path.lastIndex(of: "/") ?? path.startIndex }

/// Spec: RFC 3986 section 5.2.4, for paths that begin with "/".
private func withoutDotSegments(_ path: String) -> String {
    let segments = path.split(separator: "/", omittingEmptySubsequences: false).dropFirst()
    var kept: [Substring] = []
    for (position, segment) in zip(segments.indices, segments) {
        let isLast = position == segments.endIndex - 1
        switch segment {
        case ".":
            if isLast { kept.append("") }
        case "..":
            kept = kept.dropLast()
            if isLast { kept.append("") }
        default: kept.append(segment)
        }
    }
    return "/" + kept.joined(separator: "/")
}

/// Everything but the unreserved characters of RFC 3986 section 2.3, byte by byte.
private func percentEncoded(_ text: String) -> String {
    var encoded = ""
    for byte in text.utf8 {
        if isASCIIAlphanumeric(byte) || "-._~".utf8.contains(byte) {
            encoded.unicodeScalars.append(Unicode.Scalar(byte))
        } else {
            let digits = String(byte, radix: 16, uppercase: true)
            encoded += digits.count == 1 ? "%0\(digits)" : "%\(digits)"
        }
    }
    return encoded
}
