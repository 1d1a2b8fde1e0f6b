/// A fully written image reference: host, repository, and a tag, a digest or both.
///
/// There is no default host and no default tag: `nginx` is refused rather than read as somebody else's image.
public struct ImageReference: TextValue {
    /// The registry's host, as the nodes of the cluster know it.
    public let host: RegistryHost
    /// The repository in that registry.
    public let repository: Repository
    /// The tag, if one is named.
    public let tag: Tag?
    /// The digest, if one is named; it wins over the tag.
    public let digest: Digest?

    /// Puts a reference together.
    /// - Throws: ``InvalidValue`` when host and repository are longer than 255 characters together.
    public init(
        host: RegistryHost, repository: Repository, tag: Tag? = nil, digest: Digest? = nil
    ) throws(InvalidValue) {
        self.host = host
        self.repository = repository
        self.tag = tag
        self.digest = digest
        guard "\(host)/\(repository)".utf8.count <= Repository.longestName else {
            throw InvalidValue(
                "image reference", description,
                "host and repository have more than \(Repository.longestName) characters together")
        }
    }

    /// Reads `host[:port]/repository[:tag][@digest]`.
    /// - Throws: ``InvalidValue`` that says what is wrong.
    public init(_ text: String) throws(InvalidValue) {
        guard let slash = text.firstIndex(of: "/") else {
            throw InvalidValue("image reference", text, "write host/repository:tag")
        }
        let hostText = text[..<slash]
        guard hostText == "localhost" || hostText.contains(where: { ".:[".contains($0) }) else {
            throw InvalidValue("image reference", text, "it does not begin with a registry's host, such as docker.io")
        }
        var rest = text[text.index(after: slash)...]
        var digest: Digest?
        if let at = rest.firstIndex(of: "@") {
            digest = try Digest(String(rest[rest.index(after: at)...]))
            rest = rest[..<at]
        }
        var tag: Tag?
        if let colon = rest.firstIndex(of: ":") {
            tag = try Tag(String(rest[rest.index(after: colon)...]))
            rest = rest[..<colon]
        }
        try self.init(
            host: RegistryHost(String(hostText)), repository: Repository(String(rest)), tag: tag, digest: digest)
    }

    /// `host/repository:tag@digest`, as far as tag and digest are there.
    public var description: String {
        "\(host)/\(repository)" + (tag.map { ":\($0)" } ?? "") + (digest.map { "@\($0)" } ?? "")
    }
}
