/// What to build: one subdirectory of a Git repository at one commit.
public struct GitSource: Hashable, Sendable {
    /// Where to fetch from: an https, http or ssh URL, or the operator's own default of any kind that git knows.
    public var url: String
    /// A full reference (`refs/heads/main`, `refs/tags/v1`), a branch name, or a tag name.
    ///
    /// Fetched when ``commit`` is `nil`.
    public var ref: String
    /// The full commit id to build, if the caller named one or as soon as the clone knows it.
    public var commit: String?
    /// The directory with the Dockerfile, relative to the repository's root; empty is the root.
    public var subdirectory: String

    /// Puts a source together from values that were validated one by one.
    public init(url: String, ref: String, commit: String?, subdirectory: String) {
        self.url = url
        self.ref = ref
        self.commit = commit
        self.subdirectory = subdirectory
    }

    /// Checks a Git URL that a caller sent: https, http or ssh, a host, no user's password, nothing that a shell or Kubernetes expands.
    /// - Throws: ``InvalidInput`` for the field `git.url`.
    public static func validatedURL(_ text: String) throws(InvalidInput) -> String {
        func refuse(_ reason: String) -> InvalidInput {
            InvalidInput(field: "git.url", "\(InvalidInput.quoted(redactingUserInfo(text))) \(reason)")
        }
        let bytes = Array(text.utf8)
        guard (1...2048).contains(bytes.count) else { throw refuse("must have 1 to 2048 characters") }
        guard bytes.allSatisfy({ $0 > 0x20 && $0 < 0x7f }) else {
            throw refuse("has spaces or characters that are not ASCII")
        }
        guard !text.contains("$") else { throw refuse("contains '$', which Kubernetes would expand") }
        let schemes = ["https://", "http://", "ssh://"]
        guard let scheme = schemes.first(where: text.lowercased().hasPrefix) else {
            throw refuse("must begin with https://, http:// or ssh://")
        }
        let rest = text.dropFirst(scheme.count)
        let authority = rest.prefix { $0 != "/" && $0 != "?" && $0 != "#" }
        let host = authority.split(separator: "@", omittingEmptySubsequences: false).last ?? ""
        guard let first = host.utf8.first, isLetterOrDigit(first) || first == UInt8(ascii: "[") else {
            throw refuse("has no host")
        }
        if let at = authority.lastIndex(of: "@") {
            // A user name is part of every ssh URL; a password, or a token in place of the name, would end in logs and on the Job.
            guard scheme == "ssh://", !authority[..<at].contains(where: { $0 == ":" || $0 == "@" }) else {
                throw refuse("carries credentials; configure them for the builder instead")
            }
        }
        guard rest.dropFirst(authority.count).hasPrefix("/") else { throw refuse("has no path") }
        return text
    }

    /// Checks a branch, a tag or a full reference.
    ///
    /// Spec: git-check-ref-format(1). Stricter where a name could be taken for an option or a revision expression.
    /// - Throws: ``InvalidInput`` for the field `git.ref`.
    public static func validatedRef(_ text: String) throws(InvalidInput) -> String {
        let allowed = text.utf8.allSatisfy { byte in
            isLetterOrDigit(byte) || "._-/+@#=%,".utf8.contains(byte)
        }
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        let isName =
            allowed && (1...255).contains(text.utf8.count) && !text.hasPrefix("-") && text != "@"
            && !text.contains("..") && !text.contains("@{")
            && parts.allSatisfy { !$0.isEmpty && !$0.hasPrefix(".") && !$0.hasSuffix(".") && !$0.hasSuffix(".lock") }
        guard isName else {
            throw InvalidInput(
                field: "git.ref", "\(InvalidInput.quoted(text)) is not the name of a branch, a tag or a full reference")
        }
        return text
    }

    /// Checks a commit id: 40 (SHA-1) or 64 (SHA-256) lower-case hexadecimal digits.
    ///
    /// Servers do not resolve abbreviations.
    /// - Throws: ``InvalidInput`` for the field `git.commit`.
    public static func validatedCommit(_ text: String) throws(InvalidInput) -> String {
        let isHexadecimal = text.utf8.allSatisfy { "0123456789abcdef".utf8.contains($0) }
        guard isHexadecimal, text.utf8.count == 40 || text.utf8.count == 64 else {
            throw InvalidInput(
                field: "git.commit",
                "\(InvalidInput.quoted(text)) is not a full commit id (40 or 64 digits of 0-9 and a-f)")
        }
        return text
    }

    /// Checks a directory within the repository and brings it into its shortest form; `.` and the empty text are the root.
    /// - Throws: ``InvalidInput`` for the field `git.subdirectory`.
    public static func validatedSubdirectory(_ text: String) throws(InvalidInput) -> String {
        func refuse(_ reason: String) -> InvalidInput {
            InvalidInput(field: "git.subdirectory", "\(InvalidInput.quoted(text)) \(reason)")
        }
        // Bytes and scalars are looked at, not characters: "/" with a combining mark after it is another character.
        guard text.unicodeScalars.count <= 1024 else { throw refuse("is longer than 1024 characters") }
        let bytes = text.utf8
        guard bytes.allSatisfy({ $0 >= 0x20 && $0 != 0x7f }) else { throw refuse("has control characters") }
        guard !bytes.contains(UInt8(ascii: "$")) else { throw refuse("contains '$', which Kubernetes would expand") }
        guard !bytes.contains(UInt8(ascii: "\\")) else {
            throw refuse("contains a backslash; directories are separated by '/'")
        }
        guard bytes.first != UInt8(ascii: "/") else {
            throw refuse("is absolute; it must be relative to the repository's root")
        }
        var parts: [String] = []
        for part in bytes.split(separator: UInt8(ascii: "/")).compactMap(String.init) where part != "." {
            guard part != ".." else { throw refuse("leaves the repository") }
            guard part.lowercased() != ".git" else { throw refuse("is git's own") }
            parts.append(part)
        }
        guard let first = parts.first?.utf8.first, "-:".utf8.contains(first) else {
            return parts.joined(separator: "/")
        }
        throw refuse("must not begin with '-' or ':'")
    }

    private static func isLetterOrDigit(_ byte: UInt8) -> Bool {
        WebappName.isAlphanumeric(byte) || (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte)
    }

    /// A URL without user and password, for messages.
    private static func redactingUserInfo(_ text: String) -> String {
        guard let start = text.firstRange(of: "://")?.upperBound else { return text }
        let authority = text[start...].prefix { $0 != "/" }
        guard let at = authority.lastIndex(of: "@") else { return text }
        return text[..<start] + "***" + text[at...]
    }
}
