internal import FoundationEssentials

/// The fields of one entry of `auths` that concern credentials.
struct AuthFields: Codable, Sendable {
    var auth: String?
    var username: String?
    var password: String?
    var identitytoken: String?
    var registrytoken: String?

    struct Unusable: Error {
        var reason: String
    }

    /// The credential in these fields; `nil` for an entry without any.
    func credential(source: String) throws(Unusable) -> Credential? {
        var username = username ?? ""
        var password = password ?? ""
        if let auth, !auth.isEmpty {
            (username, password) = try Self.decoded(auth)
        }
        guard !username.contains(":") else { throw Unusable(reason: "the user name contains a colon") }
        let identityToken = identitytoken ?? ""
        let registryToken = registrytoken ?? ""
        guard !username.isEmpty || !identityToken.isEmpty || !registryToken.isEmpty else {
            guard password.isEmpty else { throw Unusable(reason: "there is a password, but no user name") }
            return nil
        }
        for text in [username, password, identityToken, registryToken]
        where text.utf8.contains(where: { $0 < 0x20 || $0 == 0x7F }) {
            throw Unusable(reason: "it contains control characters")
        }
        return Credential(
            username: username, password: password, identityToken: identityToken, registryToken: registryToken,
            source: source)
    }

    /// User and password of `auth`: base64 with or without padding, split at the first colon; Windows tools end the
    /// password with NULs.
    private static func decoded(_ auth: String) throws(Unusable) -> (String, String) {
        let digits = auth.filter { !$0.isWhitespace }.trimmingPadding
        let padded = digits + String(repeating: "=", count: (4 - digits.utf8.count % 4) % 4)
        guard let bytes = Data(base64Encoded: padded), let text = String(bytes: bytes, encoding: .utf8) else {
            throw Unusable(reason: "\"auth\" is not base64 of user:password")
        }
        guard let colon = text.firstIndex(of: ":") else {
            throw Unusable(reason: "\"auth\" has no colon between user and password")
        }
        guard colon != text.startIndex else { throw Unusable(reason: "the user name in \"auth\" is empty") }
        let password = text[text.index(after: colon)...]
        let nuls = password.unicodeScalars.reversed().prefix { $0 == "\0" }.count
        return (String(text[..<colon]), String(password.unicodeScalars.dropLast(nuls)))
    }
}

extension String {
    fileprivate var trimmingPadding: String { String(prefix { $0 != "=" }) }
}
